//! The extension module `yett._core`.
