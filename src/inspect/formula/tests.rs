//! Formulas are read and computed, and the numbers compared with those of the operations.
use super::*;
