//! Where the time of a training run goes.

use std::{cmp::Reverse, sync::Arc};

use wengert::{
    DType, Result,
    data::{self, Batches, Shuffle},
    inspect::{Profile, Row},
    nn::Layer,
    optim::Sgd,
    train::Trainer,
};

/// Iterations of the network of tutorial 3, measured: an epoch of 39.
pub fn digits() -> Result<Profile> {
    println!("\n== 7. Where the time goes ==");
    let train = Arc::new(data::digits(0).train);
    let (net, _) = crate::net::build(&train, 0, DType::F32)?;
    let mut batches = Batches::new(train, 128)?.shuffle(Shuffle::Once, 0);
    let mut sgd = Sgd::new(&net.params(), 0.01)?.momentum(0.9)?;
    let mut profile = Profile::default();
    Trainer::new(&net, &mut sgd).epochs(1).profile(&mut profile).fit(&mut batches)?;
    let rows = profile.operations();
    // Only what does not differ from one run to the next: the times are in the picture.
    let mut large: Vec<&Row> = rows.iter().filter(|row| row.flops > Some(profile.steps * 1_000_000)).collect();
    large.sort_by_key(|row| (Reverse(row.flops), row.backward, row.bytes));
    println!("{} steps; of each, what makes more than a million operations:", profile.steps);
    for row in large {
        let each = |amount: u64| amount as f64 / profile.steps as f64 / 1e6;
        let pass = match (row.backward, row.rule) {
            (false, _) => "forward".to_owned(),
            (true, None) => "backward".to_owned(),
            (true, Some(rule)) => format!("backward, {rule}"),
        };
        let (flops, bytes) = (each(row.flops.unwrap_or_default()), each(row.bytes));
        println!("{flops:>5.1} MFLOP  {bytes:>5.1} MB  {pass:<16}  {:<10}  {}", row.operation, row.layer);
    }
    let sum = rows.iter().map(|row| row.seconds).sum::<f64>() + profile.outside + profile.measuring;
    println!("the rows and what is outside are all of the time: {}", (sum - profile.seconds).abs() < 1e-9);
    Ok(profile)
}
