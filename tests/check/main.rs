//! The checker: no false alarms, and the right name for every fault.

mod sound;
