//! Golden tensors: a `NAME.json` with configuration and tolerances, a `NAME.safetensors` with values.
//!
//! The folder is `tests/goldens/` of this workspace, or the one that the environment variable
//! `GAN_GOLDENS` names: other goldens of the same names run through the same tests.

use gan_core::tensor::file;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// One golden, read. Its methods panic with what differs: it is used in tests only.
#[derive(Debug)]
pub struct Golden {
    json: Value,
    tensors: HashMap<String, Tensor>,
}

impl Golden {
    /// Reads a golden by name, to where the suites compute. BF16 tensors come as f32, as the recording says.
    ///
    /// # Panics
    /// If it is not there.
    pub fn open(name: &str) -> Self {
        let folder = folder();
        let text = std::fs::read_to_string(folder.join(format!("{name}.json")))
            .unwrap_or_else(|error| panic!("golden {name} in {}: {error}", folder.display()));
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("golden {name}: {error}"));
        let tensors = file::read(&folder.join(format!("{name}.safetensors")))
            .unwrap_or_else(|error| panic!("golden {name}: {error}"));
        let device = crate::device();
        let upcast = |tensor: Tensor| match tensor.kind() {
            Kind::BFloat16 => tensor.to_kind(Kind::Float).to_device(device),
            _ => tensor.to_device(device),
        };
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, upcast(tensor))).collect();
        Self { json, tensors }
    }

    /// A number of the configuration.
    ///
    /// # Panics
    /// If it is not there or no number.
    pub fn number(&self, key: &str) -> f64 {
        self.json["config"][key].as_f64().unwrap_or_else(|| panic!("config.{key} is no number"))
    }

    /// A whole number of the configuration.
    ///
    /// # Panics
    /// If it is not there or no whole number.
    pub fn integer(&self, key: &str) -> i64 {
        self.json["config"][key].as_i64().unwrap_or_else(|| panic!("config.{key} is no integer"))
    }

    /// The configuration, for what is neither.
    pub fn config(&self) -> &Value {
        &self.json["config"]
    }

    /// A part of the json that only this golden has; null if it has none of that name.
    pub fn part(&self, key: &str) -> &Value {
        &self.json[key]
    }

    /// Whether a tensor was recorded.
    pub fn has(&self, key: &str) -> bool {
        self.tensors.contains_key(key)
    }

    /// What was recorded as numbers under a key; null if nothing was.
    pub fn value(&self, key: &str) -> &Value {
        &self.json["values"][key]
    }

    /// A recorded tensor.
    ///
    /// # Panics
    /// If it is not there.
    pub fn tensor(&self, key: &str) -> Tensor {
        self.tensors.get(key).unwrap_or_else(|| panic!("the golden has no {key}")).shallow_clone()
    }

    /// All tensors under a prefix, with the rest of their keys, sorted.
    pub fn under(&self, prefix: &str) -> Vec<(String, Tensor)> {
        let rest = |key: &String| key.strip_prefix(prefix).map(str::to_owned);
        let mut found: Vec<(String, Tensor)> = self
            .tensors
            .iter()
            .filter_map(|(key, tensor)| Some((rest(key)?, tensor.shallow_clone())))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// The recorded random draws under a prefix such as `step0/rng/`, in call order.
    pub fn draws(&self, prefix: &str) -> Vec<Tensor> {
        self.under(prefix).into_iter().map(|(_, tensor)| tensor).collect()
    }

    /// The parameter names of a network, in the reference's order.
    ///
    /// # Panics
    /// If the golden names none.
    pub fn parameter_names(&self, net: &str) -> Vec<String> {
        let names =
            self.json["param_names"][net].as_array().unwrap_or_else(|| panic!("no param_names.{net}"));
        names.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Compares a tensor with the recorded one within the recorded tolerance. Tensors that the recording
    /// samples (over 512 elements) are sampled alike.
    ///
    /// # Panics
    /// If they differ by more, naming the key and both distances.
    pub fn check(&self, key: &str, actual: &Tensor) {
        let tolerance = &self.json["tensors"][key];
        assert!(tolerance.is_object(), "the golden has no tolerance for {key}");
        if tolerance["ill_conditioned"].as_bool() == Some(true) {
            return;
        }
        let expected = self.tensor(key).to_device(Device::Cpu);
        let actual = actual.to_device(Device::Cpu);
        let actual = match (actual.numel(), expected.numel()) {
            (full, 256) if full > 512 => sample(&actual),
            _ => actual,
        };
        assert_eq!(actual.size(), expected.size(), "shape of {key}");
        let difference = (actual.to_kind(Kind::Double) - expected.to_kind(Kind::Double)).abs().flatten(0, -1);
        let each = Vec::<f64>::try_from(&difference).unwrap_or_default();
        if tolerance["exact"].as_bool() == Some(true) {
            assert!(each.iter().all(|d| *d == 0.0), "{key} must be equal");
            return;
        }
        if let Some(limits) = tolerance["tol_each"].as_array() {
            for (index, (d, limit)) in each.iter().zip(limits).enumerate() {
                let limit = limit.as_f64().unwrap_or(0.0) * crate::slack();
                assert!(*d <= limit, "{key}[{index}] differs by {d:e}, allowed {limit:e}");
            }
            return;
        }
        let limit = |name: &str| {
            tolerance[name].as_f64().unwrap_or_else(|| panic!("{key} has no {name}")) * crate::slack()
        };
        let largest =
            each.iter().copied().fold(0.0, |a: f64, b| if b.is_nan() { f64::NAN } else { a.max(b) });
        let rms = (each.iter().map(|d| d * d).sum::<f64>() / each.len().max(1) as f64).sqrt();
        let (tol_max, tol_rms) = (limit("tol_max"), limit("tol_rms"));
        assert!(
            largest <= tol_max && rms <= tol_rms,
            "{key}: max {largest:e} (allowed {tol_max:e}), rms {rms:e} ({tol_rms:e})"
        );
    }

    /// Compares gradient norms computed in another memory layout, whose roundings turn signs where an image comes back almost
    /// as it was: each such pixel moves the gradient of L1 by a whole step. Where theory says 0 there is rounding alone.
    ///
    /// # Panics
    /// If a norm differs by more than 0.2 %.
    pub fn check_roughly(&self, key: &str, norms: &Tensor) {
        let each =
            |tensor: &Tensor| Vec::<f32>::try_from(tensor).unwrap_or_else(|_| panic!("{key} is no f32"));
        let (got, wanted) = (each(norms), each(&self.tensor(key)));
        assert_eq!(got.len(), wanted.len(), "length of {key}");
        for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
            assert!((got - wanted).abs() <= 2e-3 * wanted + 2e-5, "{key}[{at}]: {got:e} and {wanted:e}");
        }
    }

    /// Compares the state of a network after the last step: every tensor, and mean and root mean square
    /// of those that the recording samples.
    ///
    /// # Panics
    /// If anything differs, or a tensor is missing on either side.
    pub fn check_state(&self, net: &str, state: &[(String, Tensor)]) {
        let prefix = format!("after/{net}/");
        let expected = self.under(&prefix);
        assert_eq!(expected.len(), state.len(), "number of tensors in {net}");
        for (name, tensor) in state {
            self.check(&format!("{prefix}{name}"), tensor);
            let key = format!("after_moments/{net}/{name}");
            if let Some(moments) = self.tensors.get(&key) {
                let values = tensor.to_kind(Kind::Double);
                let mean = values.mean(Kind::Double).double_value(&[]);
                let rms = values.square().mean(Kind::Double).sqrt().double_value(&[]);
                let limit =
                    self.json["tensors"][format!("{prefix}{name}")]["tol_rms"].as_f64().unwrap_or(0.0);
                for (what, got, index) in [("mean", mean, 0), ("rms", rms, 1)] {
                    let wanted = moments.double_value(&[index]);
                    assert!((got - wanted).abs() <= limit, "{key} {what}: {got} and {wanted}");
                }
            }
        }
    }
}

/// The 256 elements at flat positions floor(i * n / 256).
fn sample(tensor: &Tensor) -> Tensor {
    let count = tensor.numel() as i64;
    let positions: Vec<i64> = (0..256).map(|i| i * count / 256).collect();
    tensor.contiguous().view([-1]).index_select(0, &Tensor::from_slice(&positions))
}

fn folder() -> PathBuf {
    match std::env::var_os("GAN_GOLDENS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens"),
    }
}
