//! Reads the head of a response.

pub(crate) mod head;
pub(crate) mod retry_after;
pub(crate) mod validator;
