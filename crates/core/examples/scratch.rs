use myelin_core::*;
use std::time::Instant;
fn main() -> std::result::Result<(), Error> {
    let ins = std::env::args().nth(1);
    let program = r#"{ "inputs": 2, "layers": [{ "type": "dense", "units": 64, "useBias": true },{"type":"relu"},{ "type": "dense", "units": 1, "useBias": true }],
      "loss": { "type": "meanSquaredError" }, "optimizer": { "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0 } }"#;
    let mut network = Network::new(program, ins.as_deref())?;
    let d = |i: u64| (random::draw(1, 0, i) >> 8) as f32 / 16777216.0;
    network.write_parameters(&(0..257).map(d).collect::<Vec<_>>())?;
    let x: Vec<f32> = (0..2000).map(|i| d(i + 1000)).collect();
    let y: Vec<f32> =
        (0..1000).map(|i| if (x[2 * i] >= 0.5) != (x[2 * i + 1] >= 0.5) { 1.0 } else { 0.0 }).collect();
    let data = Dataset::new(x, y, 2, 1)?;
    let rates = vec![0.01; 3000];
    let mut best = f64::MAX;
    let mut from = Position::default();
    for _ in 0..10 {
        let run = Run { from, batch_size: 5, steps: 60000 * 5, shuffle: None, learning_rates: &rates };
        let t = Instant::now();
        let p = network.train(&data, &run, &Stop::default())?;
        from = p.position;
        let s = t.elapsed().as_secs_f64() / 300000.0 * 1e6;
        best = best.min(s);
        if best == s {
            println!("{s:.4} us/step loss {}", p.losses.last().unwrap());
        }
    }
    Ok(())
}
