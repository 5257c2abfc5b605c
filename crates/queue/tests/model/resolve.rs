//! Resolves an action at its moment: which lease, which cursor, which job.

use flow::{
    failure::{Failure, Reason},
    job::{JobId, Lease, NewJob},
    lane::Lane,
    queue::{CursorMove, Nack},
};

use super::{
    action::{CursorStep, Ending, Revision, StepFrom, Token},
    model::Model,
};

impl Model {
    pub(crate) fn cursor_move(&self, step: &CursorStep) -> CursorMove {
        let CursorStep { source, from, offset, entries, entries_total } = *step;
        let source = format!("list{source}");
        let stands_at = self.offset_of(&source);
        let from = match from {
            StepFrom::Where => stands_at,
            StepFrom::Nowhere => None,
            StepFrom::Elsewhere => Some(stands_at.unwrap_or(0) + 1),
        };
        CursorMove { source, from, offset, entries, entries_total }
    }

    /// Returns the lease of a token, or one that was never granted if there is none to choose from.
    pub(crate) fn lease(&self, token: Token) -> Lease {
        let from = |leases: &[Lease], n: usize| {
            let unknown = Lease { id: JobId::of(Lane::Fetch, "k0"), attempt: 1_000 };
            leases.get(leases.len().wrapping_sub(1 + n % leases.len().max(1))).copied().unwrap_or(unknown)
        };
        let granted = self.granted();
        match token {
            Token::Held(n) => from(&self.held(), n),
            Token::Granted(n) => from(granted, n),
            Token::Future(n) => {
                let Lease { id, attempt: _ } = from(granted, n);
                let highest = granted.iter().filter(|lease| lease.id == id).map(|lease| lease.attempt).max();
                Lease { id, attempt: highest.unwrap_or(0) + 1 }
            }
            Token::Zeroth(n) => Lease { attempt: 0, ..from(granted, n) },
        }
    }

    pub(crate) fn leases(&self, tokens: &[Token]) -> Vec<Lease> {
        let mut leases: Vec<_> = tokens.iter().map(|token| self.lease(*token)).collect();
        leases.sort_unstable();
        leases.dedup();
        leases
    }

    pub(crate) fn nack(&self, lease: Lease, ending: &Ending) -> Nack {
        let failure = |reason: &Reason| Failure::new(*reason, format!("{reason} in {}", lease.attempt));
        match ending {
            Ending::Retry { reason, after_ms, group_pause_ms, revised } => Nack::Retry {
                failure: failure(reason),
                after_ms: *after_ms,
                group_pause_ms: *group_pause_ms,
                revised: revised.as_ref().map(|revision| self.revised(lease, revision)),
            },
            Ending::Dead { reason } => Nack::Dead { failure: failure(reason) },
            Ending::Release => Nack::Release,
            Ending::Move { reason, revised } => {
                Nack::Move { why: failure(reason), revised: self.revised(lease, revised) }
            }
        }
    }

    fn revised(&self, lease: Lease, revision: &Revision) -> NewJob {
        let (Revision::Same(spec) | Revision::Other(spec)) = revision;
        let new = spec.job();
        match (revision, self.name_of(lease.id)) {
            (Revision::Same(_), Some((lane, key))) => NewJob { lane, key, ..new },
            (Revision::Same(_) | Revision::Other(_), _) => new,
        }
    }
}
