use std::time::Instant;
use wengert::*;
use wengert::ops::ConvSpec;
fn main() {
    let t = |name: &str, mut f: Box<dyn FnMut()>| {
        for _ in 0..20 { f(); }
        let mut ts = vec![];
        for _ in 0..100 { let s = Instant::now(); f(); ts.push(s.elapsed().as_secs_f64()*1e3); }
        ts.sort_by(f64::total_cmp);
        println!("{name:30} median {:.3} min {:.3} ms", ts[50], ts[0]);
    };
    let r = |shape: &[usize]| Tensor::from_fn(shape, DType::F32, |i| ((i as f64) * 0.7133).sin());
    let (x, w, b, h) = (r(&[128,1,28,28]), r(&[20,1,5,5]), r(&[20]), r(&[128,20,24,24]));
    let (fw, dy) = (r(&[10,11520]), r(&[128,10]));
    let h2 = h.clone();

    {let h=h.clone(); t("relu alone", Box::new(move || { let t = Tape::new(); t.constant(h.clone()).relu().value(); }));}
    {let h=h.clone(); t("min alone", Box::new(move || { let t = Tape::new(); t.constant(h.clone()).min(0.0).value(); }));}
    {let h=h.clone(); t("gt alone", Box::new(move || { let t = Tape::new(); t.constant(h.clone()).gt(0.0).value(); }));}
    {let h=h.clone(); t("min exp_m1", Box::new(move || { let t = Tape::new(); t.constant(h.clone()).min(0.0).exp_m1().value(); }));}
    {let h=h.clone(); t("4 muls", Box::new(move || { let t = Tape::new(); (t.constant(h.clone())*2.0*2.0*2.0*2.0).value(); }));}
    {let h=h.clone(); t("add self", Box::new(move || { let t = Tape::new(); let x=t.constant(h.clone()); (x+x).value(); }));}
    {let (b,h)=(b.clone(),h.clone()); t("mul channel", Box::new(move || { let t = Tape::new(); let x = t.constant(h.clone()); let a = t.constant(b.clone()).per_channel(x); (x*a).value(); }));}
    {let (h,fw)=(h2.clone(),fw.clone()); t("fc fwd", Box::new(move || { let t = Tape::new(); t.constant(h.clone()).flatten(1).linear(t.constant(fw.clone()), None).value(); }));}
    {let (h,fw)=(h2.clone(),fw.clone()); t("fc fwd+bwd", Box::new(move || { let t = Tape::new(); let y = t.leaf(h.clone()).flatten(1).linear(t.leaf(fw.clone()), None); y.vjp(&dy).unwrap(); }));}
}
