//! What is compared and what is to be reached.

/// One of our processes against one or more of theirs.
pub struct Comparison {
    /// The case's word for both sides.
    pub case: &'static str,
    /// What our side is started with besides.
    pub ours: &'static [&'static str],
    /// Their modes, each with the ratio to reach, 0 for information only.
    pub theirs: &'static [(&'static str, f64)],
    /// Iterations in one turn.
    pub block: usize,
    /// The most that our process may hold, as a share of theirs; `None` for information only.
    pub memory: Option<f64>,
}

const TRAINING: Comparison = Comparison { case: "", ours: &[], theirs: &[], block: 2, memory: Some(0.8) };
const METRIC: Comparison = Comparison { block: 1, memory: None, ..TRAINING };

/// Time per iteration: theirs / ours.
pub const COMPARISONS: [Comparison; 28] = [
    Comparison { case: "dcgan-64-f32", theirs: &[("eager", 1.35), ("compile", 1.0)], ..TRAINING },
    Comparison { case: "dcgan-64-bf16", theirs: &[("eager", 2.2), ("bf16", 1.2)], ..TRAINING },
    Comparison { case: "dcgan-32-f32", theirs: &[("eager", 1.5), ("compile", 1.0)], block: 3, ..TRAINING },
    // torch.compile has no second derivatives.
    Comparison { case: "dcgan-32-r1", theirs: &[("eager", 1.2)], block: 3, ..TRAINING },
    Comparison { case: "dcgan-32-wgan-gp", theirs: &[("eager", 1.2)], block: 3, ..TRAINING },
    Comparison { case: "cgan-32-f32", theirs: &[("eager", 1.35), ("compile", 1.0)], block: 3, ..TRAINING },
    Comparison { case: "cgan-mlp", theirs: &[("eager", 1.5), ("compile", 1.0)], block: 20, ..TRAINING },
    Comparison { case: "cyclegan-128-f32", theirs: &[("eager", 1.3), ("compile", 1.0)], ..TRAINING },
    Comparison { case: "cyclegan-128-bf16", theirs: &[("eager", 2.0), ("bf16", 1.2)], ..TRAINING },
    Comparison { case: "biggan-32-f32", theirs: &[("eager", 1.35)], block: 1, ..TRAINING },
    Comparison { case: "biggan-32-bf16", theirs: &[("eager", 2.2), ("bf16", 1.2)], block: 1, ..TRAINING },
    Comparison { case: "biggan-sample", theirs: &[("eager", 1.3)], memory: Some(0.8), ..METRIC },
    Comparison { case: "stylegan-32-f32", theirs: &[("eager", 1.5)], block: 1, ..TRAINING },
    Comparison { case: "stylegan-32-f32-regs", theirs: &[("eager", 1.5)], block: 1, ..TRAINING },
    Comparison { case: "stylegan-32-bf16", theirs: &[("eager", 2.2), ("bf16", 1.2)], block: 1, ..TRAINING },
    Comparison {
        case: "stylegan-32-bf16-regs",
        theirs: &[("eager", 2.2), ("bf16", 1.2)],
        block: 1,
        ..TRAINING
    },
    Comparison { case: "stylegan-32-f32-ada", theirs: &[("eager", 1.5)], block: 1, ..TRAINING },
    Comparison { case: "stylegan-64-f32", theirs: &[("eager", 1.5)], block: 1, ..TRAINING },
    Comparison { case: "stylegan-64-bf16", theirs: &[("eager", 2.2), ("bf16", 1.2)], block: 1, ..TRAINING },
    Comparison { case: "stylegan-sample", theirs: &[("eager", 1.5)], memory: Some(0.8), ..METRIC },
    Comparison { case: "translate-1024", theirs: &[("eager", 1.3)], ..METRIC },
    Comparison { case: "translate-1024-tiled", theirs: &[("eager", 1.0)], memory: Some(0.8), ..METRIC },
    Comparison { case: "inception", theirs: &[("eager", 1.3)], ..METRIC },
    Comparison { case: "inception-bf16", theirs: &[("eager", 2.0)], ..METRIC },
    Comparison { case: "fid", theirs: &[("eager", 5.0)], ..METRIC },
    Comparison { case: "kid", theirs: &[("eager", 2.0)], memory: Some(0.5), ..METRIC },
    Comparison { case: "prdc", theirs: &[("eager", 2.0)], memory: Some(0.5), ..METRIC },
    Comparison { case: "loader", ours: &["--workers", "2"], theirs: &[("eager", 3.0)], block: 20, ..METRIC },
];

/// Process start to first finished step: ours / theirs at most.
pub const STARTUP_GOAL: f64 = 0.25;
/// Share of a run's wall time outside its steps, with reports, pictures and checkpoints.
pub const OVERHEAD_GOAL: f64 = 0.03;
