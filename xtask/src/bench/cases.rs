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
}

/// Time per iteration: theirs / ours.
pub const COMPARISONS: [Comparison; 11] = [
    Comparison { case: "dcgan-64-f32", ours: &[], theirs: &[("eager", 1.35), ("compile", 1.0)], block: 2 },
    Comparison { case: "dcgan-64-bf16", ours: &[], theirs: &[("eager", 2.2), ("bf16", 1.2)], block: 2 },
    Comparison { case: "dcgan-32-f32", ours: &[], theirs: &[("eager", 1.5), ("compile", 1.0)], block: 3 },
    // torch.compile has no second derivatives.
    Comparison { case: "dcgan-32-r1", ours: &[], theirs: &[("eager", 1.2)], block: 3 },
    Comparison { case: "dcgan-32-wgan-gp", ours: &[], theirs: &[("eager", 1.2)], block: 3 },
    Comparison { case: "inception", ours: &[], theirs: &[("eager", 1.3)], block: 1 },
    Comparison { case: "inception-bf16", ours: &[], theirs: &[("eager", 2.0)], block: 1 },
    Comparison { case: "fid", ours: &[], theirs: &[("eager", 5.0)], block: 1 },
    Comparison { case: "kid", ours: &[], theirs: &[("eager", 2.0)], block: 1 },
    Comparison { case: "prdc", ours: &[], theirs: &[("eager", 2.0)], block: 1 },
    Comparison { case: "loader", ours: &["--workers", "2"], theirs: &[("eager", 3.0)], block: 20 },
];

/// Process start to first finished step: ours / theirs at most.
pub const STARTUP_GOAL: f64 = 0.25;
/// Share of a run's wall time outside its steps, with reports, pictures and checkpoints.
pub const OVERHEAD_GOAL: f64 = 0.03;
/// High-water mark of memory in training: ours / theirs at most.
pub const MEMORY_GOAL: f64 = 0.8;
