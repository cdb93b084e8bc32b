use wengert::*; use wengert::nn::*;
fn main() {
    let net = Sequential::new().add(Linear::new(2,16,1)).add(Tanh).add(Linear::new(16,16,2)).add(Tanh).add(Linear::new(16,1,3));
    let x = Tensor::from_fn([32,2], DType::F32, |i| (i as f64).sin()); let t = Tensor::from_fn([32,1], DType::F32, |i| (i as f64).cos());
    let mut tape = Tape::new(); let params = net.params();
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    for _ in 0..n { tape.reset(); let loss = net.forward(tape.constant(x.clone())).mse_loss(tape.constant(t.clone())); let g = loss.backward().unwrap();
      for p in &params { let g = g.of(p).unwrap().as_slice::<f32>().unwrap(); p.update(|w| for (w,g) in w.as_mut_slice::<f32>().unwrap().iter_mut().zip(g) { *w -= 0.05*g; }); } }
}
