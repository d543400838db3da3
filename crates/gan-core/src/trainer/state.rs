//! The two sides of [`crate::variant::Variant::extra_state`].

use crate::error::{Error, Result};
use crate::tensor::file::Named;
use crate::variant::StateVisitor;
use tch::{Device, Kind, Tensor};

/// Collects state.
#[derive(Default)]
pub(super) struct Saver {
    pub(super) tensors: Named,
}

impl StateVisitor for Saver {
    fn tensor(&mut self, name: &str, value: &mut Tensor) -> Result<()> {
        self.tensors.push((name.to_owned(), value.f_detach()?));
        Ok(())
    }

    fn tensors(&mut self, name: &str, values: &mut Vec<Tensor>) -> Result<()> {
        self.number(&format!("{name}/len"), &mut (values.len() as f64))?;
        for (index, value) in values.iter_mut().enumerate() {
            self.tensor(&format!("{name}/{index}"), value)?;
        }
        Ok(())
    }

    fn number(&mut self, name: &str, value: &mut f64) -> Result<()> {
        self.tensors.push((name.to_owned(), Tensor::from(*value)));
        Ok(())
    }
}

/// Hands state out again.
pub(super) struct Loader<'a> {
    pub(super) tensors: &'a [(String, Tensor)],
    /// Where a list that is still empty gets its tensors.
    pub(super) device: Device,
}

impl Loader<'_> {
    fn find(&self, name: &str) -> Result<&Tensor> {
        let found = self.tensors.iter().find(|(other, _)| other == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| Error::config("state", format!("`{name}` is missing")))
    }
}

impl StateVisitor for Loader<'_> {
    fn tensor(&mut self, name: &str, value: &mut Tensor) -> Result<()> {
        *value = self.find(name)?.f_to_device(value.device())?;
        Ok(())
    }

    fn tensors(&mut self, name: &str, values: &mut Vec<Tensor>) -> Result<()> {
        let mut count = 0.0;
        self.number(&format!("{name}/len"), &mut count)?;
        let device = values.first().map_or(self.device, Tensor::device);
        *values = (0..count as usize)
            .map(|index| Ok(self.find(&format!("{name}/{index}"))?.f_to_device(device)?))
            .collect::<Result<_>>()?;
        Ok(())
    }

    fn number(&mut self, name: &str, value: &mut f64) -> Result<()> {
        *value = self.find(name)?.f_to_kind(Kind::Double)?.f_double_value(&[])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_function_saves_and_loads() {
        fn visit(visitor: &mut dyn StateVisitor, pool: &mut Vec<Tensor>, mean: &mut f64) -> Result<()> {
            visitor.tensors("pool", pool)?;
            visitor.number("mean", mean)
        }
        let mut saver = Saver::default();
        visit(&mut saver, &mut vec![Tensor::from(1.0), Tensor::from(2.0)], &mut 0.25).expect("save");
        let (mut pool, mut mean) = (Vec::new(), 0.0);
        visit(&mut Loader { tensors: &saver.tensors, device: Device::Cpu }, &mut pool, &mut mean)
            .expect("load");
        assert_eq!((pool.len(), pool[1].double_value(&[]), mean), (2, 2.0, 0.25));
        assert!(Loader { tensors: &[], device: Device::Cpu }.number("mean", &mut mean).is_err());
    }
}
