//! What is called at the turns of a server's life.

macro_rules! hooks {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Hooks {

    /// Function called when requests are answered.
    when_ready: String = Text(function) {
        default: "",
        reason: "Nothing is called.",
        placeholder: "MODULE:FUNCTION",
        help: "Call this when all workers are ready, in the supervisor",
        details: "See docs/hooks.md for what it gets.",
        reloadable: true,
        sample: ("hooks:ready", || Value::Text("hooks:ready".into())),
    }

    /// Function called in a new worker, before the application is imported.
    worker_start: String = Text(function) {
        default: "",
        reason: "Nothing is called.",
        placeholder: "MODULE:FUNCTION",
        help: "Call this in each new worker, before it imports the application",
        details: "With `preload` the application has been imported before.",
        reloadable: true,
        sample: ("hooks:start", || Value::Text("hooks:start".into())),
    }

    /// Function called in a worker that is ready.
    worker_ready: String = Text(function) {
        default: "",
        reason: "Nothing is called.",
        placeholder: "MODULE:FUNCTION",
        help: "Call this in each worker that is ready for requests",
        reloadable: true,
        sample: ("hooks:worker_ready", || Value::Text("hooks:worker_ready".into())),
    }

    /// Function called in a worker that begins to drain.
    worker_stop: String = Text(function) {
        default: "",
        reason: "Nothing is called.",
        placeholder: "MODULE:FUNCTION",
        help: "Call this in each worker that begins to stop",
        details: "Requests still run.",
        reloadable: true,
        sample: ("hooks:stop", || Value::Text("hooks:stop".into())),
    }

    /// Function called in a worker, last of all.
    worker_exit: String = Text(function) {
        default: "",
        reason: "Nothing is called.",
        placeholder: "MODULE:FUNCTION",
        help: "Call this in each worker, last of all",
        details: "The application has shut down. A worker that had to be killed calls nothing.",
        reloadable: true,
        sample: ("hooks:exit", || Value::Text("hooks:exit".into())),
    }

    /// Function called when a reload begins.
    on_reload: String = Text(function) {
        default: "",
        reason: "Nothing is called.",
        placeholder: "MODULE:FUNCTION",
        help: "Call this when a reload begins, in the supervisor",
        reloadable: true,
        sample: ("hooks:reload", || Value::Text("hooks:reload".into())),
    }

    } } };
}
