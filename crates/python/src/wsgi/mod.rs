//! The WSGI gateway (PEP 3333): threads that read, run the application, and write.
//!
//! | question | file |
//! |---|---|
//! | What does Python see of the server? | `server` |
//! | What do all threads share? | `engine` |
//! | What does one thread do between two calls of the application? | `worker` |
//! | One client: its connection, and the body that is being collected | `client` |
//! | What is in `environ`? | `environ` |
//! | What happens in `start_response()`, `write()`, …? | `exchange` (and `lent`: who keeps these objects) |
//! | How is the application called, and its result sent? | `run` |
//! | How is a response put on the wire, and who waits for a slow client? | `respond` |
//! | What is each thread at, and how is it called back? | `posts` |
//! | What if the application forks? | `forked` |
//! | What are `wsgi.input` and `wsgi.errors`? | `input`, `errors` |

mod client;
mod engine;
mod environ;
mod errors;
mod exchange;
mod forked;
mod input;
mod lent;
mod posts;
mod respond;
mod run;
mod server;
mod worker;

pub use errors::ErrorStream;
pub use server::WsgiServer;
