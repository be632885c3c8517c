//! The ASGI gateway: the user's own event loop owns the thread, and this reads, starts the application and writes.
//!
//! | question | file |
//! |---|---|
//! | What does Python see of the server? | `server` |
//! | What happens when the loop says that there is news? | `driver` |
//! | How do connections come in? | `accept` |
//! | How does an exchange begin and end? | `lifecycle` |
//! | What is in the scope? | `scope` |
//! | What happens in `receive()` and `send()`? | `exchange`, `receive`, `send` |
//! | How is a message of the application read and checked? | `message` |
//! | What is awaited? | `awaitable` |
//! | How is the application's task started? | `task` |
//! | How does the loop show that it comes round, and when is a request ended? | `overdue` |
//! | When is a line of the access log written? | `access` |

mod accept;
mod access;
mod awaitable;
mod driver;
mod exchange;
mod lifecycle;
mod message;
mod overdue;
mod receive;
mod scope;
mod send;
mod server;
mod task;

pub use awaitable::Pending;
pub use server::Server;
