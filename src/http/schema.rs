//! What the OpenAPI document says beside the handlers: the shapes of bodies that are encoded by hand, and which operation
//! may be refused with which codes.
//!
//! Bodies that are made of structs describe themselves where those stand, and parameters where they are taken. What
//! stands here is held against what is really sent by the tests: each reply that they see is checked by the document.

pub mod group;
pub mod record;
pub mod refusals;
pub mod stream;
