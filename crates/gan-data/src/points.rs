//! Points in the plane whose distribution is known: mixtures of Gaussians and the Swiss roll, made from the seed.
//!
//! A batch holds f32 "images" of one pixel and two channels, `[N, 2, 1, 1]`: the coordinates themselves, exact and not
//! limited to [-1, 1]. Labels are the number of the mode. Points are drawn once, as many as [`FIXED`] (PacGAN's protocol:
//! 100,000, shuffled anew every epoch), or fresh ones forever.

use crate::error::{Error, Result};
use crate::order::Order;
use gan_core::data::{ImageBatch, Source};
use gan_core::random::{Streams, key};
use std::f64::consts::PI;
use tch::{Device, Kind, Tensor};

/// Points of a set that is drawn once (Lin et al. 2018, section 4.1).
pub const FIXED: u64 = 100_000;

/// A known distribution in the plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointSet {
    /// Eight Gaussians on the unit circle, standard deviation 0.01 (PacGAN's 2D-ring).
    Ring8,
    /// 25 Gaussians at {-4, -2, 0, 2, 4} squared, standard deviation 0.05 (PacGAN's 2D-grid).
    Grid25,
    /// A spiral: t in [1.5 π, 4.5 π], (t cos t, t sin t) and noise of 0.25, all divided by 7.5 (Gulrajani et al. 2017).
    /// It has no modes.
    SwissRoll,
}

impl PointSet {
    /// Every set.
    pub const ALL: [Self; 3] = [Self::Ring8, Self::Grid25, Self::SwissRoll];

    /// The set of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.name() == name)
    }

    /// What it is called where a data set is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring8 => "ring8",
            Self::Grid25 => "grid25",
            Self::SwissRoll => "swissroll",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Ring8 => "points: 8 Gaussians on the unit circle, standard deviation 0.01",
            Self::Grid25 => "points: 25 Gaussians on a grid of -4 to 4, standard deviation 0.05",
            Self::SwissRoll => "points: a spiral of radius 2, without modes",
        }
    }

    /// The means of its Gaussians; empty for a set without modes.
    pub fn means(self) -> Vec<[f64; 2]> {
        let angle = |mode: i32| PI * f64::from(mode) / 4.0;
        let place = |index: i32| f64::from(2 * index - 4);
        match self {
            Self::Ring8 => (0..8).map(|mode| [angle(mode).cos(), angle(mode).sin()]).collect(),
            Self::Grid25 => (0..25).map(|mode| [place(mode / 5), place(mode % 5)]).collect(),
            Self::SwissRoll => Vec::new(),
        }
    }

    /// The standard deviation of each Gaussian, or of the spiral's noise.
    pub fn std(self) -> f64 {
        match self {
            Self::Ring8 => 0.01,
            Self::Grid25 => 0.05,
            Self::SwissRoll => 0.25 / 7.5,
        }
    }

    /// All points lie between minus this and this, nearly always: how much a picture should show.
    pub fn extent(self) -> f64 {
        match self {
            Self::Ring8 => 1.5,
            Self::Grid25 => 5.0,
            Self::SwissRoll => 2.25,
        }
    }

    /// Fresh points from `streams`, and their modes where there are some.
    ///
    /// # Shapes
    /// f32 `[count, 2]`; i64 `[count]`
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn draw(
        self,
        streams: &Streams,
        count: i64,
        device: Device,
    ) -> gan_core::error::Result<(Tensor, Option<Tensor>)> {
        let noise = streams.normal("point", &[count, 2])?.f_mul_scalar(self.std())?;
        let means = self.means();
        if means.is_empty() {
            let t = streams.uniform("turn", &[count])?.f_mul_scalar(3.0 * PI)?.f_add_scalar(1.5 * PI)?;
            let spiral = Tensor::f_stack(&[t.f_cos()?.f_mul(&t)?, t.f_sin()?.f_mul(&t)?], 1)?;
            return Ok((spiral.f_div_scalar(7.5)?.f_add(&noise)?, None));
        }
        let modes = streams.integers("mode", means.len() as i64, &[count])?;
        let means = Tensor::f_from_slice(means.as_flattened())?.f_reshape([-1i64, 2])?;
        let means = means.f_to_kind(Kind::Float)?.f_to_device(device)?;
        Ok((means.f_index_select(0, &modes)?.f_add(&noise)?, Some(modes)))
    }
}

/// Batches of points: batch n is a pure function of (seed, rank, n).
#[derive(Debug)]
pub struct PointSource {
    set: PointSet,
    batch: usize,
    seed: u64,
    rank: u64,
    device: Device,
    position: u64,
    /// All points and their order, where the set is drawn once.
    fixed: Option<Fixed>,
}

#[derive(Debug)]
struct Fixed {
    points: Tensor,
    modes: Option<Tensor>,
    order: Order,
}

impl PointSource {
    /// Batches of `batch` points for rank `rank` of `world`. `points` are drawn once and shown in a new order every
    /// epoch; with 0 every batch is new.
    ///
    /// # Errors
    /// A batch that is empty or, over all ranks, larger than `points`; a rank not below `world`; LibTorch's.
    pub fn new(
        set: PointSet,
        points: u64,
        batch: usize,
        seed: u64,
        ranks: (usize, usize),
        device: Device,
    ) -> gan_core::error::Result<Self> {
        let (rank, world) = ranks;
        check(points, batch, rank, world)?;
        let fixed = if points == 0 {
            None
        } else {
            let streams = Streams::new(key(seed, &[], set.name()), 0, 0, Device::Cpu);
            let (drawn, modes) = set.draw(&streams, points as i64, Device::Cpu)?;
            let modes = modes.map(|modes| modes.f_to_device(device)).transpose()?;
            let order = Order::new(points as usize, batch, rank, world, seed);
            Some(Fixed { points: drawn.f_to_device(device)?, modes, order })
        };
        Ok(Self { set, batch, seed, rank: rank as u64, device, position: 0, fixed })
    }

    /// Which set it draws from.
    pub fn set(&self) -> PointSet {
        self.set
    }
}

impl Source<ImageBatch> for PointSource {
    fn next(&mut self) -> gan_core::error::Result<ImageBatch> {
        let (points, labels) = match &self.fixed {
            None => {
                let seed = key(self.seed, &[], self.set.name());
                let streams = Streams::new(seed, self.rank, self.position, self.device);
                self.set.draw(&streams, self.batch as i64, self.device)?
            }
            Some(Fixed { points, modes, order }) => {
                let picks = order.picks(self.position, 0..self.batch);
                let chosen: Vec<i64> = picks.map(|pick| pick.index as i64).collect();
                let chosen = Tensor::f_from_slice(&chosen)?.f_to_device(self.device)?;
                let modes = modes.as_ref().map(|modes| modes.f_index_select(0, &chosen)).transpose()?;
                (points.f_index_select(0, &chosen)?, modes)
            }
        };
        self.position += 1;
        Ok(ImageBatch { images: points.f_reshape([-1i64, 2, 1, 1])?, labels, attributes: None })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) -> gan_core::error::Result<()> {
        self.position = position;
        Ok(())
    }
}

fn check(points: u64, batch: usize, rank: usize, world: usize) -> Result<()> {
    if rank >= world {
        return Err(Error::config("rank", format!("{rank} is not below the number of processes, {world}")));
    }
    if batch == 0 || (points > 0 && (batch * world) as u64 > points) {
        let why = format!("{batch} is not between 1 and the {points} points of the set");
        return Err(Error::config("batch", why));
    }
    Ok(())
}
