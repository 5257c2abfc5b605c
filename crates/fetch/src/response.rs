//! Reads the head of a response: whether its body is used, how long a host asks to wait, and which version a
//! body is.

pub(crate) mod head;
pub(crate) mod retry_after;
pub(crate) mod validator;
