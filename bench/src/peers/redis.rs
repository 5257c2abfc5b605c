//! Redis Streams: `XADD`, `XREADGROUP`, then `XACK` and `XDEL`, so that the stream does not grow.
//!
//! Over Redis's Unix socket. A batch is one pipeline, not a transaction.

use std::path::Path;

use anyhow::{Context, ensure};
use redis::{Client, FromRedisValue, aio::MultiplexedConnection};

use crate::{
    connection::{Connection, Held},
    job::Job,
};

const STREAM: &str = "jobs";
const GROUP: &str = "workers";

/// A connection of its own, with a consumer of its own.
#[derive(Debug, Clone)]
pub struct Stream {
    connection: MultiplexedConnection,
    consumer: String,
}

/// The entries of a stream: id, and a field with its value.
type Entries = Vec<(String, (String, Vec<u8>))>;

impl Stream {
    /// Connects to the server behind the Unix socket.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn connect(socket: &Path, consumer: String) -> anyhow::Result<Self> {
        let client = Client::open(format!("redis+unix://{}", socket.display()))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let made: Result<(), redis::RedisError> = redis::cmd("XGROUP")
            .arg(&["CREATE", STREAM, GROUP, "0", "MKSTREAM"])
            .query_async(&mut connection)
            .await;
        match made {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error.into()),
            // Another connection made it.
            Ok(()) | Err(_) => Ok(Self { connection, consumer }),
        }
    }
}

impl Connection for Stream {
    type Token = String;

    async fn push(&mut self, jobs: Vec<Job>) -> anyhow::Result<()> {
        let mut pipeline = redis::pipe();
        for job in &jobs {
            pipeline.cmd("XADD").arg(STREAM).arg("*").arg("job").arg(&job.payload);
        }
        let ids: Vec<String> = pipeline.query_async(&mut self.connection).await?;
        ensure!(ids.len() == jobs.len(), "{} of {} jobs were added", ids.len(), jobs.len());
        Ok(())
    }

    async fn claim(&mut self, limit: usize) -> anyhow::Result<Vec<Held<String>>> {
        let reply: redis::Value = redis::cmd("XREADGROUP")
            .arg(&["GROUP", GROUP, &self.consumer, "COUNT", &limit.to_string(), "STREAMS", STREAM, ">"])
            .query_async(&mut self.connection)
            .await?;
        let streams = Vec::<(String, Entries)>::from_redis_value(reply)?;
        let (_, entries) = streams.into_iter().next().context("the stream was empty")?;
        ensure!(entries.len() == limit, "{} of {limit} jobs were read", entries.len());
        Ok(entries.into_iter().map(|(token, (_, payload))| Held { payload, token }).collect())
    }

    async fn acknowledge(&mut self, ids: Vec<String>) -> anyhow::Result<()> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("XACK").arg(STREAM).arg(GROUP).arg(&ids);
        pipeline.cmd("XDEL").arg(STREAM).arg(&ids);
        let counts: Vec<usize> = pipeline.query_async(&mut self.connection).await?;
        ensure!(counts == [ids.len(); 2], "of {} jobs, {counts:?} were acknowledged and deleted", ids.len());
        Ok(())
    }
}
