//! The checker: no false alarms, and the right name for every fault.

mod contract;
mod faults;
mod hand;
mod head;
#[cfg(feature = "plot")]
mod html;
mod location;
mod mutations;
mod protocols;
mod roots;
mod sound;
mod special;
mod verdicts;
