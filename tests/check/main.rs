//! The checker: no false alarms, and the right name for every fault.

mod branches;
mod clear;
mod contract;
mod departures;
mod faults;
mod hand;
mod head;
#[cfg(feature = "plot")]
mod html;
mod lines;
mod location;
mod loops;
mod masks;
mod mends;
mod mutations;
mod pairs;
mod particulars;
mod people;
#[macro_use]
#[path = "../../examples/planted/planted.rs"]
mod planted;
#[path = "../../examples/planted/cases/mod.rs"]
mod cases;
mod plain;
mod protocols;
mod roots;
mod sound;
mod special;
mod texts;
mod verdicts;
