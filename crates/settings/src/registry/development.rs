//! What only `yett dev` looks at.

macro_rules! development {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Development {

    /// Patterns of the files whose change reloads the application.
    reload_include: Vec<String> = List(pattern) {
        default: "*.py,*.html,*.jinja,*.jinja2,*.toml,*.ini",
        reason: "What Python imports, templates (many are read once only), and settings.",
        placeholder: "PATTERNS",
        help: "Files whose change makes `yett dev` reload",
        details: "Patterns as in .gitignore, such as `*.py` or `templates/**/*.txt`. What .gitignore leaves out is \
                  left out here, too.",
        equivalents: Equivalents {
            gunicorn: &["reload_extra_files"],
            uvicorn: &["--reload-include"],
            ..NO_EQUIVALENTS
        },
        sample: ("*.py,*.html", || Value::List(vec!["*.py".into(), "*.html".into()])),
    }

    /// Patterns of the files whose change does nothing.
    reload_exclude: Vec<String> = List(pattern) {
        default: "none",
        reason: "What .gitignore leaves out is left out already.",
        placeholder: "PATTERNS",
        help: "Files and directories that `yett dev` does not watch",
        details: "Patterns as in .gitignore; they win over `reload_include`. Virtual environments, `node_modules`, \
                  `__pycache__` and hidden directories are never watched.",
        equivalents: Equivalents {
            uvicorn: &["--reload-exclude"],
            granian: &["--reload-ignore-dirs", "--reload-ignore-paths"],
            ..NO_EQUIVALENTS
        },
        sample: ("tests/*", || Value::List(vec!["tests/*".into()])),
    }

    /// Whether pages in a browser reload themselves when the application has.
    browser_reload: bool = Bool("Leave pages in the browser alone after a reload (yett dev)") {
        default: "on",
        reason: "It is what one does by hand otherwise.",
        help: "Have pages in the browser reload after a reload (yett dev)",
        details: "A short script is added to the HTML pages that `yett dev` serves.",
        sample: ("off", || Value::Bool(false)),
    }

    } } };
}
