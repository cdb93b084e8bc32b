//! Time grows in proportion to the recording, with no recursion over it.

use std::time::Instant;

use wengert::{Tape, Var};

/// Seconds to record, to differentiate and to drop `count` operations, one after the other.
fn chain(count: usize) -> [f64; 3] {
    let tape = Tape::f64();
    let x = tape.leaf(1.0);
    let start = Instant::now();
    let mut y = x;
    for _ in 0..count / 2 {
        y = y * 0.5 + 0.5;
    }
    let recorded = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let gradients = y.backward().unwrap();
    let differentiated = start.elapsed().as_secs_f64();
    assert_eq!(gradients.wrt(x).unwrap().item(), 0.5f64.powi(count as i32 / 2));
    assert_eq!(tape.len(), count + 1);
    let start = Instant::now();
    drop((gradients, tape));
    [recorded, differentiated, start.elapsed().as_secs_f64()]
}

#[test]
fn a_million_operations_take_linear_time_and_no_recursion() {
    // A small stack: recursion over the chain would overflow it at once.
    let measure = || {
        chain(1000);
        let each: Vec<[f64; 3]> = [10_000, 100_000, 1_000_000]
            .into_iter()
            .map(|count| {
                let best = (0..3).map(|_| chain(count)).reduce(|a, b| std::array::from_fn(|i| a[i].min(b[i])));
                best.unwrap().map(|seconds| seconds / count as f64 * 1e9)
            })
            .collect();
        println!("ns an operation to record, differentiate, drop at 1e4, 1e5, 1e6: {each:.0?}");
        let total = |times: &[f64; 3]| times.iter().sum::<f64>();
        assert!(
            total(&each[2]) < 8.0 * total(&each[0]),
            "a hundred times the operations took more than linear time: {each:?}"
        );
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(measure).unwrap().join().unwrap();
}

#[test]
fn a_recorded_gradient_by_many_leaves_takes_linear_time() {
    let measure = |count: usize| {
        let tape = Tape::f64();
        let leaves: Vec<Var> = (0..count).map(|i| tape.leaf(i as f64)).collect();
        let y = leaves.iter().fold(leaves[0], |sum, &x| sum + x * x);
        let start = Instant::now();
        let recorded = tape.grad(y, &leaves).unwrap();
        let recorded = (start.elapsed().as_secs_f64(), recorded[count / 2].item());
        assert_eq!(recorded.1, count as f64);
        let start = Instant::now();
        y.backward().unwrap();
        [recorded.0, start.elapsed().as_secs_f64()].map(|seconds| seconds / count as f64 * 1e9)
    };
    let best = |count| {
        (0..3)
            .map(|_| measure(count))
            .reduce(|a: [f64; 2], b| std::array::from_fn(|i| a[i].min(b[i])))
            .expect("three runs")
    };
    let (few, many) = (best(1_000), best(100_000));
    println!("ns a leaf, recorded and not: {few:.0?} of 1000 leaves, {many:.0?} of 100000");
    // A hundred times the leaves: quadratic time would be a hundred times as much for each.
    assert!(many[0] < 20.0 * few[0] && many[1] < 20.0 * few[1], "{few:?} and {many:?} ns a leaf");
}
