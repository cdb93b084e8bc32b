use wengert::*;
#[test]
fn basics() {
    let tape = Tape::f64();
    let x = tape.leaf(3.0);
    let y = x * x + x;
    assert_eq!(y.backward().unwrap().wrt(x).unwrap().item(), 7.0);
    let a = tape.leaf(2.0); let b = a + a; let c = b + b;
    assert_eq!(c.backward().unwrap().wrt(a).unwrap().item(), 4.0);
}
