//! The package has examples only.
