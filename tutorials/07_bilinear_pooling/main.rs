mod network; mod training;
use std::{path::Path, sync::Arc};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use wengert::{Result, data::{Dataset, idx}};
use network::Pool;
use training::*;

fn env(n: &str, d: f64) -> f64 { std::env::var(n).ok().and_then(|v| v.parse().ok()).unwrap_or(d) }
fn main() -> Result<()> {
    let dir = Path::new("/work/shared/data/kth-tips-grey");
    let x = idx::read(&dir.join("kth-crop112-images-idx3-ubyte.gz"), 3)?;
    let y = idx::read(&dir.join("kth-labels-idx1-ubyte.gz"), 1)?;
    let set = Dataset::new(x.bytes.iter().map(|&p| p as f32 / 255.0).collect(), y.bytes.iter().map(|&l| l as usize).collect(), [1, 112, 112], (0..10).map(|c| c.to_string()).collect())?;
    let set = standardized(&set)?;
    let only = std::env::var("POOL").unwrap_or_default();
    for split in env("FROM", 0.0) as u64..env("SPLITS", 1.0) as u64 {
        let mut random = StdRng::seed_from_u64(split);
        let mut parts = [vec![], vec![]];
        for class in 0..10 {
            let mut of: Vec<usize> = (0..set.len()).filter(|&i| set.label(i) == class).collect();
            of.shuffle(&mut random);
            parts[0].extend(&of[..40]);
            parts[1].extend(&of[40..]);
        }
        let data = parts.map(|p| Arc::new(Dataset::new(p.iter().flat_map(|&i| set.image(i).to_vec()).collect(), p.iter().map(|&i| set.label(i)).collect(), set.shape(), set.names().to_vec()).unwrap()));
        let budget = Budget { epochs: env("EPOCHS", 40.0) as usize, batch: env("BATCH", 20.0) as usize, rate: env("RATE", 2e-3), crop: env("CROP", 96.0) as usize };
        for pool in [Pool::Average, Pool::Plain, Pool::Improved(std::env::var("ROOT").unwrap_or("lyapunov".into()).parse()?)] {
            if !only.is_empty() && !only.contains(pool.name()) { continue; }
            let t = train(pool, &data, budget, split)?;
            println!("split {split} {} accuracy {:.4} seconds {:.1} last loss {:.4}", pool.name(), t.accuracy, t.history.seconds, t.history.losses.iter().rev().take(20).sum::<f64>() / 20.0);
        }
    }
    Ok(())
}
