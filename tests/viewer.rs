//! The tape viewer: what is in its page.
use wengert::{Tape, inspect};

#[test]
fn try_it() {
    let tape = Tape::f64();
    let x = tape.leaf(0.5).named("x");
    let w = tape.leaf(-1.5).named("w");
    let b = tape.leaf(0.25).named("b");
    let z = {
        let _layer = tape.scope("neuron");
        (x * w + b).tanh()
    };
    let loss = ((z - 1.0).square() * 0.5).named("loss");
    inspect::html(&tape, &loss.backward().unwrap(), "/tmp/w/viewer/ten.html").unwrap();
}
