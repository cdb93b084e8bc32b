//! Z = A^½ of 16 matrices A = X Xᵀ/d + I/2 of size d = 64 and 256, loss Σ Z ∘ (G + Gᵀ), the gradient with respect to A;
//! no update. The check is |Z Z − A|/|A|, the loss, and the length of the gradient.

use wengert::{
    DType, Result, Rule, Tape, Tensor, Var,
    nn::{Layer, MatrixSqrt, NewtonSchulz},
};

use crate::timing::{Timing, fill};

pub fn linalg(timing: Timing) -> Result<()> {
    let newton = MatrixSqrt::NewtonSchulz(NewtonSchulz::new(5)?);
    let ways = [
        ("eigh", MatrixSqrt::Eigh, Rule::Tape),
        ("eigh_lyapunov", MatrixSqrt::Lyapunov, Rule::Manual),
        ("newton_schulz5", newton, Rule::Tape),
        ("newton_schulz5_manual", newton, Rule::Manual),
    ];
    for (d, (name, root, rule)) in [64, 256].into_iter().flat_map(|d| ways.map(|way| (d, way))) {
        let shape = [16, d, d];
        let product =
            |seed, f: &dyn for<'t> Fn(Var<'t>) -> Var<'t>| f(Tape::new().constant(fill(seed, &shape, 1.0))).value();
        let half = Tensor::eye(d, DType::F32);
        let a = product(1, &|x| x.matmul(x.transpose(-2, -1)) / d as f64 + x.tape().constant(&half) * 0.5);
        let g = product(2, &|g| g + g.transpose(-2, -1));
        let mut tape = Tape::new();
        tape.set_rule(rule);
        let mut step = || {
            tape.reset();
            let a = tape.leaf(a.clone());
            let z = root.forward(a);
            let loss = (z * tape.constant(g.clone())).sum();
            let da = loss.backward()?.wrt(a)?.clone();
            Ok((z.value(), loss.item(), da))
        };
        let (z, loss, da) = step()?;
        let length = |x: &Tensor| x.to_vec().iter().map(|x| x * x).sum::<f64>().sqrt();
        let residual = {
            let tape = Tape::new();
            let z = tape.constant(z);
            length(&(z.matmul(z) - tape.constant(a.clone())).value()) / length(&a)
        };
        let check = format!("residual {residual:.1e} loss {loss:.2} |grad| {:.3}", length(&da));
        for _ in 0..4 {
            step()?;
        }
        let runs = if d == 64 { 100 } else { 30 };
        timing.time(&format!("linalg {name} 16x{d}x{d}"), runs, ("ms", 1e3), &check, || step().map(drop))?;
    }
    Ok(())
}
