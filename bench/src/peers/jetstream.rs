//! NATS JetStream: a stream on disk with a work queue's retention and one durable pull consumer.
//!
//! A publication waits for the stream's acknowledgement, and an acknowledgement for the server's answer to it
//! (AckSync, "double acknowledged"). The latter goes through the connection's shared inbox, which is faster
//! than the client's `double_ack` with a subscription for each message.

use std::time::Duration;

use anyhow::{anyhow, ensure};
use async_nats::{
    Client, Subject,
    jetstream::{
        self, Context,
        consumer::{self, AckPolicy, PullConsumer},
        stream::{self, RetentionPolicy, StorageType},
    },
};
use futures_util::{TryStreamExt, future::try_join_all};

use crate::{
    connection::{CLAIM_WAIT_MS, Connection, Held, LEASE_MS},
    job::Job,
};

const STREAM: &str = "jobs";
const CONSUMER: &str = "workers";
/// More than all workers together hold.
const IN_FLIGHT_MAX: i64 = 10_000;

/// A connection of its own to the one consumer.
#[derive(Debug)]
pub struct Consumer {
    client: Client,
    context: Context,
    consumer: PullConsumer,
}

impl Consumer {
    /// Connects to the server at this address.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn connect(address: &str) -> anyhow::Result<Self> {
        let client = async_nats::connect(address).await?;
        let context = jetstream::new(client.clone());
        let stream = context
            .get_or_create_stream(stream::Config {
                name: STREAM.to_owned(),
                retention: RetentionPolicy::WorkQueue,
                storage: StorageType::File,
                ..Default::default()
            })
            .await?;
        let config = consumer::pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_millis(LEASE_MS),
            max_ack_pending: IN_FLIGHT_MAX,
            ..Default::default()
        };
        let consumer = stream.get_or_create_consumer(CONSUMER, config).await?;
        Ok(Self { client, context, consumer })
    }
}

impl Connection for Consumer {
    type Token = Subject;

    async fn push(&mut self, jobs: Vec<Job>) -> anyhow::Result<()> {
        let mut acknowledgements = Vec::with_capacity(jobs.len());
        for job in jobs {
            acknowledgements.push(self.context.publish(STREAM, job.payload.into()).await?);
        }
        try_join_all(acknowledgements.into_iter().map(IntoFuture::into_future)).await?;
        Ok(())
    }

    async fn claim(&mut self, limit: usize) -> anyhow::Result<Vec<Held<Subject>>> {
        let expires = Duration::from_millis(CLAIM_WAIT_MS);
        let batch = self.consumer.batch().max_messages(limit).expires(expires).messages().await?;
        let messages: Vec<_> = batch.try_collect().await.map_err(|error| anyhow!(error))?;
        ensure!(messages.len() == limit, "{} of {limit} jobs came", messages.len());
        messages.into_iter().map(held).collect()
    }

    async fn acknowledge(&mut self, replies: Vec<Subject>) -> anyhow::Result<()> {
        try_join_all(replies.into_iter().map(|reply| self.client.request(reply, "+ACK".into()))).await?;
        Ok(())
    }
}

fn held(message: jetstream::Message) -> anyhow::Result<Held<Subject>> {
    let message = message.message;
    let token = message.reply.ok_or_else(|| anyhow!("a message came without a way to acknowledge it"))?;
    Ok(Held { payload: message.payload.to_vec(), token })
}
