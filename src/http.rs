//! The edge: everything that knows HTTP.
//!
//! [`mod@router`] is the table of contents. Handlers extract, authorise, call one core function and wrap what it returns;
//! [`error`] turns core errors into problems; [`layers`] holds what every request passes through. Core rooms never see
//! a status code, and no text of theirs reaches a client unless it was written for one.

mod admission;
mod arrival;
pub mod error;
mod examples;
mod extract;
mod layers;
mod observe;
pub mod openapi;
mod ops;
mod reply;
pub mod router;
mod same_site;
mod schema;
pub mod state;
mod v1;

pub use arrival::{Arrival, Door, Full};
pub use reply::stream::SharesFrames;
pub use router::{operations, router};
pub use state::AppState;
