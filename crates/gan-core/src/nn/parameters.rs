//! An ordered store of named parameters and buffers.

use crate::device::DevicePolicy;
use crate::error::{Error, Result};
use crate::nn::Init;
use crate::random;
use std::fmt::Display;
use tch::Tensor;

/// One named tensor of a network.
#[derive(Debug)]
pub struct Entry {
    /// The name, as in the reference implementation's state dict.
    pub name: String,
    /// The tensor; modules hold clones of the same storage.
    pub tensor: Tensor,
    /// Parameters are trained; buffers (running statistics) are not.
    pub trainable: bool,
}

/// The tensors of one or more networks, in the order in which the modules asked for them.
#[derive(Debug)]
pub struct Parameters {
    entries: Vec<Entry>,
    policy: DevicePolicy,
    seed: u64,
    /// Whether tensors have their shapes alone.
    counts_only: bool,
    /// Whether nothing is drawn.
    blank: bool,
}

impl Parameters {
    /// An empty store for tensors where and as `policy` wants them; first values are keyed by (`seed`, name).
    pub fn new(policy: &DevicePolicy, seed: u64) -> Self {
        Self { entries: Vec::new(), policy: *policy, seed, counts_only: false, blank: false }
    }

    /// An empty store for tensors that have a shape and take no memory: what a network would have, however large. It must
    /// not be run.
    pub fn counting() -> Self {
        Self { counts_only: true, ..Self::new(&DevicePolicy::reference(), 0) }
    }

    /// An empty store for tensors that are 0 until [`Parameters::load`] gives them their values: nothing is drawn in vain.
    pub fn blank(policy: &DevicePolicy) -> Self {
        Self { blank: true, ..Self::new(policy, 0) }
    }

    /// The scope without a prefix.
    pub fn root(&mut self) -> Scope<'_> {
        Scope { parameters: self, prefix: String::new(), frozen: false }
    }

    /// Parameters and buffers in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The trained tensors in order.
    pub fn trainable(&self) -> Vec<&Tensor> {
        self.entries.iter().filter(|entry| entry.trainable).map(|entry| &entry.tensor).collect()
    }

    /// The names of the trained tensors in order.
    pub fn trainable_names(&self) -> Vec<&str> {
        self.entries.iter().filter(|entry| entry.trainable).map(|entry| entry.name.as_str()).collect()
    }

    /// How many numbers are trained.
    pub fn count(&self) -> usize {
        self.trainable().iter().map(|tensor| tensor.numel()).sum()
    }

    /// Names and clones of all tensors, as for [`crate::tensor::file::encode`].
    pub fn named(&self) -> Vec<(String, Tensor)> {
        self.entries.iter().map(|entry| (entry.name.clone(), entry.tensor.shallow_clone())).collect()
    }

    /// Overwrites every tensor with the value of the same name.
    ///
    /// # Errors
    /// A name that is missing, too much, or has another shape; nothing is written then.
    pub fn load(&self, values: &[(String, Tensor)]) -> Result<()> {
        let find = |name: &str| values.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        let mut sources = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let value = find(&entry.name).ok_or_else(|| {
                Error::config("weights", format!("`{}` is missing in the file", entry.name))
            })?;
            if value.size() != entry.tensor.size() {
                let why = format!(
                    "`{}` has shape {:?} in the file and {:?} in this network; the configuration differs",
                    entry.name,
                    value.size(),
                    entry.tensor.size()
                );
                return Err(Error::config("weights", why));
            }
            sources.push(value);
        }
        if let Some((extra, _)) =
            values.iter().find(|(name, _)| !self.entries.iter().any(|e| e.name == *name))
        {
            return Err(Error::config(
                "weights",
                format!("`{extra}` in the file belongs to no part of this network"),
            ));
        }
        tch::no_grad(|| {
            for (entry, source) in self.entries.iter().zip(sources) {
                entry.tensor.shallow_clone().f_copy_(source)?;
            }
            Ok(())
        })
    }

    /// Takes over every value whose name and shape are those of a tensor here, and leaves the others as they began: transfer
    /// from a network that is not quite the same.
    ///
    /// Returns the names of the tensors that nothing was found for.
    ///
    /// # Errors
    /// LibTorch's.
    pub fn take(&self, values: &[(String, Tensor)]) -> Result<Vec<String>> {
        let mut left = Vec::new();
        tch::no_grad(|| {
            for Entry { name, tensor, .. } in &self.entries {
                match values.iter().find(|(other, value)| other == name && value.size() == tensor.size()) {
                    Some((_, value)) => tensor.shallow_clone().f_copy_(value)?,
                    None => left.push(name.clone()),
                }
            }
            Ok(left)
        })
    }

    fn insert(&mut self, name: String, shape: &[i64], init: Init, trainable: bool) -> Result<Tensor> {
        if self.counts_only {
            let nothing = Init::Zeros.tensor(&vec![1; shape.len()], 0, self.policy.device)?;
            return self.insert_tensor(name, nothing.f_expand(shape, false)?, trainable);
        }
        let init = if self.blank { Init::Zeros } else { init };
        let seed = random::key(self.seed, &[], &name);
        let mut tensor = init.tensor(shape, seed, self.policy.device)?;
        // A convolution's output lies as its weight does, and kernels that find both alike convert neither.
        if self.policy.channels_last && shape.len() == 4 {
            tensor = gan_sys::format::channels_last(&tensor)?;
        }
        self.insert_tensor(name, tensor, trainable)
    }

    fn insert_tensor(&mut self, name: String, tensor: Tensor, trainable: bool) -> Result<Tensor> {
        if self.entries.iter().any(|entry| entry.name == name) {
            return Err(Error::config("network", format!("the parameter name `{name}` is used twice")));
        }
        let tensor = tensor.f_set_requires_grad(trainable)?;
        self.entries.push(Entry { name, tensor: tensor.shallow_clone(), trainable });
        Ok(tensor)
    }
}

/// A place in the tree of names.
#[derive(Debug)]
pub struct Scope<'a> {
    parameters: &'a mut Parameters,
    prefix: String,
    /// Whether what would be trained is not.
    frozen: bool,
}

impl Scope<'_> {
    /// The scope below: names get `name.` in front.
    pub fn sub(&mut self, name: impl Display) -> Scope<'_> {
        let frozen = self.frozen;
        Scope { prefix: format!("{}{name}.", self.prefix), parameters: self.parameters, frozen }
    }

    /// The same scope, whose parameters are saved but not trained if `frozen`.
    #[must_use]
    pub fn frozen(self, frozen: bool) -> Self {
        Self { frozen: self.frozen || frozen, ..self }
    }

    /// A new f32 tensor that is trained.
    ///
    /// # Errors
    /// A name given twice; LibTorch's, such as no memory.
    pub fn parameter(&mut self, name: &str, shape: &[i64], init: Init) -> Result<Tensor> {
        self.parameters.insert(format!("{}{name}", self.prefix), shape, init, !self.frozen)
    }

    /// A given f32 tensor that is trained, for first values that no [`Init`] gives.
    ///
    /// # Errors
    /// A name given twice.
    pub fn parameter_of(&mut self, name: &str, tensor: Tensor) -> Result<Tensor> {
        let tensor = tensor.f_to_device(self.parameters.policy.device)?;
        self.parameters.insert_tensor(format!("{}{name}", self.prefix), tensor, !self.frozen)
    }

    /// A new f32 tensor that is saved but not trained.
    ///
    /// # Errors
    /// As [`Scope::parameter`].
    pub fn buffer(&mut self, name: &str, shape: &[i64], init: Init) -> Result<Tensor> {
        self.parameters.insert(format!("{}{name}", self.prefix), shape, init, false)
    }

    /// A given tensor that is saved but not trained, such as an i64 counter.
    ///
    /// # Errors
    /// A name given twice.
    pub fn buffer_of(&mut self, name: &str, tensor: Tensor) -> Result<Tensor> {
        let tensor = tensor.f_to_device(self.parameters.policy.device)?;
        self.parameters.insert_tensor(format!("{}{name}", self.prefix), tensor, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Parameters {
        let mut parameters = Parameters::new(&DevicePolicy::reference(), 1);
        let mut root = parameters.root();
        let mut main = root.sub("main");
        let _ =
            main.sub(0).parameter("weight", &[2, 3], Init::Normal { mean: 0.0, std: 0.02 }).expect("weight");
        let _ = main.sub(1).buffer("running_mean", &[2], Init::Zeros).expect("buffer");
        parameters
    }

    #[test]
    fn names_and_order_are_those_of_the_calls() {
        let parameters = store();
        let names: Vec<&str> = parameters.entries().iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["main.0.weight", "main.1.running_mean"]);
        assert_eq!((parameters.count(), parameters.trainable_names()), (6, vec!["main.0.weight"]));
        assert_eq!(parameters.entries()[0].tensor, store().entries()[0].tensor);
    }

    #[test]
    fn what_fits_is_taken_and_the_rest_is_named() {
        let parameters = store();
        let first = parameters.entries()[0].tensor.copy();
        let mut values: Vec<(String, Tensor)> =
            parameters.named().into_iter().map(|(name, tensor)| (name, tensor.full_like(7.0))).collect();
        values[0].1 = Tensor::from(7.0);
        values.push(("other".to_owned(), Tensor::from(7.0)));
        assert_eq!(parameters.take(&values).expect("values"), ["main.0.weight"]);
        let [weight, mean] = parameters.entries() else { panic!("two tensors") };
        assert_eq!((&weight.tensor, mean.tensor.double_value(&[1])), (&first, 7.0));
    }

    #[test]
    fn frozen_parameters_are_kept_but_not_trained() {
        let mut parameters = Parameters::new(&DevicePolicy::reference(), 1);
        let mut root = parameters.root();
        let frozen = root
            .sub("a")
            .frozen(true)
            .sub("b")
            .frozen(false)
            .parameter("weight", &[2], Init::Ones)
            .expect("a");
        let _ = root.sub("c").parameter("weight", &[3], Init::Ones).expect("a parameter");
        assert!(!frozen.requires_grad());
        assert_eq!((parameters.count(), parameters.trainable_names()), (3, vec!["c.weight"]));
        assert_eq!(parameters.named().len(), 2);
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let error =
            store().root().sub("main").sub(0).parameter("weight", &[1], Init::Ones).expect_err("twice");
        assert!(error.to_string().contains("main.0.weight"));
    }

    #[test]
    fn loading_checks_before_it_writes() {
        let parameters = store();
        let mut values: Vec<(String, Tensor)> =
            parameters.named().into_iter().map(|(name, tensor)| (name, tensor.ones_like())).collect();
        parameters.load(&values).expect("same names and shapes");
        assert_eq!(parameters.entries()[0].tensor.sum(tch::Kind::Float).double_value(&[]), 6.0);
        values[1].1 = Tensor::from(1.0);
        assert!(parameters.load(&values).expect_err("shape").to_string().contains("running_mean"));
        let renamed = values.remove(1).1;
        assert!(parameters.load(&values).expect_err("missing").to_string().contains("missing"));
        values.push(("main.1.running_mean".to_owned(), Tensor::from_slice(&[1f32, 1.0])));
        values.push(("other".to_owned(), renamed));
        assert!(parameters.load(&values).expect_err("extra").to_string().contains("other"));
    }
}
