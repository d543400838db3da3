//! Published weights: the network pickles of stylegan2-ada-pytorch, whose names of parameters are ours.
//!
//! Such a file is a pickle of a dictionary with the networks `G`, `D` and `G_ema`. Each module in them stands there as a call of
//! `torch_utils.persistence` with its class's name, the source of its class and its attributes. Nothing of it is run
//! ([`gan_core::tensor::pickle`]): tensors are taken by their names, and what a network is made of is read off their shapes and
//! off the few attributes that no shape shows.

use crate::layout::Layout;
use crate::{Activation, Architecture, Config, Discriminator, Generator};
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::nn::Parameters;
use gan_core::optim::AdamConfig;
use gan_core::tensor::file::Named;
use gan_core::tensor::pickle::{self, Known, Object, Pickle, Refusal, Value};
use gan_core::tensor::pth;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Kind, Tensor};

/// The networks of a file, as a configuration and weights under this crate's names.
#[derive(Debug)]
pub struct Published {
    /// What they are made of; how training goes on is what the authors' program chooses by itself.
    pub config: Config,
    /// The generator as it was trained; of a file without one the averaged one.
    pub generator: Named,
    /// The averaged generator; of a file without one the other.
    pub average: Named,
    /// The discriminator, where there is one that goes with the generator.
    pub discriminator: Option<Named>,
    /// Why a discriminator that is there is left out.
    pub left_out: Option<String>,
}

/// Modules in modules, and in all.
const DEEPEST: usize = 16;
const MOST_MODULES: usize = 20_000;
/// Images in a step, as the authors' program has on one device.
const BATCH: i64 = 16;

/// Reads the networks of a pickle; `path` is for sentences only.
///
/// # Errors
/// Bytes that are no such pickle, are cut short, or ask for anything but the parts of a StyleGAN2; networks of other shapes.
pub fn networks(bytes: &[u8], path: &Path) -> Result<Published> {
    if !pickle::is_one(bytes) {
        let why =
            "is no pickle of networks, such as stylegan2-ada-pytorch saves as network-snapshot-NNNNNN.pkl";
        return Err(Error::data(path, why));
    }
    let refuse = |refusal| refused(refusal, path);
    let mut content = Pickle::new(bytes, names);
    let root = content.read().map_err(refuse)?;
    let network = |key: &str| -> Result<Option<Network>> {
        let Some(value) = content.get(root, key).filter(|value| *value != Value::None) else {
            return Ok(None);
        };
        let mut network = Network::new(&content, path, bytes.len());
        network.collect(String::new(), value, DEEPEST).map_err(refuse)?;
        Ok(Some(network))
    };
    let (average, trained) = (network("G_ema")?, network("G")?);
    let Some(shown) = average.as_ref().or(trained.as_ref()) else {
        let why = "holds no StyleGAN2 that this program knows: it has neither a `G_ema` nor a `G`";
        return Err(Error::data(path, why));
    };
    let mut config = generator(shown)?;
    let weights = |network: &Network| -> Result<Named> {
        let mut parameters = Parameters::counting();
        let _ = Generator::new(parameters.root(), &config)?;
        network.of(&parameters)
    };
    let average_weights = weights(shown)?;
    let trained_weights = weights(trained.as_ref().unwrap_or(shown))?;
    let (mut kept, mut left_out) = (None, None);
    if let Some(network) = network("D")? {
        match discriminator(&network, config.clone()) {
            Ok((told, weights)) => (config, kept) = (told, Some(weights)),
            Err(error) => left_out = Some(error.to_string()),
        }
    }
    Ok(Published {
        config,
        generator: trained_weights,
        average: average_weights,
        discriminator: kept,
        left_out,
    })
}

/// All that such files mention. Numbers that numpy made are among the attributes, arrays among those of augmentations.
fn names(module: &str, name: &str) -> Option<Known> {
    match (module, name) {
        ("torch_utils.persistence", "_reconstruct_persistent_obj") => Some(Known::Object),
        ("dnnlib" | "dnnlib.util", "EasyDict") => Some(Known::Dict),
        ("builtins" | "__builtin__", "set" | "frozenset") => Some(Known::Row),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar" | "_reconstruct") => {
            Some(Known::Object)
        }
        ("numpy", "dtype" | "ndarray") => Some(Known::Object),
        ("torch", "device" | "float16" | "float32") => Some(Known::Object),
        _ => pth::plain_names(module, name),
    }
}

fn refused(refusal: Refusal, path: &Path) -> Error {
    let why = match refusal {
        Refusal::Broken(why) => format!("is no readable pickle of networks ({why}): download it again"),
        Refusal::Foreign(name) if name.starts_with("dnnlib.tflib") => {
            "is a pickle of the TensorFlow version; convert it first with stylegan2-ada-pytorch's \
             `python legacy.py --source OLD.pkl --dest NEW.pkl`"
                .to_owned()
        }
        Refusal::Foreign(name) => {
            format!("asks for `{name}`, which is not part of a StyleGAN2 pickle; nothing of it was run")
        }
    };
    Error::data(path, why)
}

/// One network: its tensors by name, and of each module the attributes.
struct Network<'p, 'a> {
    content: &'p Pickle<'a>,
    path: &'p Path,
    tensors: BTreeMap<String, Tensor>,
    modules: BTreeMap<String, Value<'a>>,
    /// Bytes that tensors may still take: each of them stands in the file by itself.
    room: usize,
}

impl<'p, 'a> Network<'p, 'a> {
    fn new(content: &'p Pickle<'a>, path: &'p Path, room: usize) -> Self {
        Self { content, path, tensors: BTreeMap::new(), modules: BTreeMap::new(), room }
    }

    /// Takes a module's tensors and those of the modules in it.
    fn collect(&mut self, name: String, module: Value<'a>, depth: usize) -> Result<(), Refusal> {
        if depth == 0 || self.modules.len() >= MOST_MODULES {
            return Err("its modules lie too deep in each other".into());
        }
        let content = self.content;
        let below = |child: &str| if name.is_empty() { child.to_owned() } else { format!("{name}.{child}") };
        let persistent = content.object(module).filter(|object| object.module == "torch_utils.persistence");
        let meta = persistent.and_then(|Object { arguments, .. }| content.row(arguments)?.first().copied());
        let Some(state) = meta.and_then(|meta| content.get(meta, "state")) else {
            return Err(format!("`{}` is no module", below("")).into());
        };
        for kind in ["_parameters", "_buffers"] {
            let items = content.get(state, kind).and_then(|items| content.dict(items)).unwrap_or_default();
            for &(key, value) in items {
                let Value::Text(key) = key else { return Err("a tensor has no name".into()) };
                if value == Value::None {
                    continue;
                }
                let tensor = pth::plain_tensor(content, value)?
                    .ok_or_else(|| format!("`{}` is no tensor", below(key)))?;
                let taken = tensor.numel() * tensor.kind().elt_size_in_bytes();
                self.room = self.room.checked_sub(taken).ok_or("its tensors are larger than the file")?;
                self.tensors.insert(below(key), tensor);
            }
        }
        let items = content.get(state, "_modules").and_then(|items| content.dict(items)).unwrap_or_default();
        for &(key, value) in items {
            let Value::Text(key) = key else { return Err("a module has no name".into()) };
            if value != Value::None {
                self.collect(below(key), value, depth - 1)?;
            }
        }
        self.modules.insert(name, state);
        Ok(())
    }

    fn refuse(&self, why: impl std::fmt::Display) -> Error {
        Error::data(self.path, format!("holds no StyleGAN2 that this program knows: {why}"))
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Layers that are numbered from 0 on.
    fn count(&self, name: impl Fn(u32) -> String) -> u32 {
        (0..).take_while(|number| self.has(&name(*number))).count() as u32
    }

    /// One of a tensor's sizes.
    fn size(&self, name: &str, axis: usize) -> Result<i64> {
        let tensor =
            self.tensors.get(name).ok_or_else(|| self.refuse(format_args!("`{name}` is missing")))?;
        let size = tensor.size();
        size.get(axis).copied().ok_or_else(|| self.refuse(format_args!("`{name}` has shape {size:?}")))
    }

    /// An attribute of a module.
    fn attribute(&self, module: &str, name: &str) -> Option<Value<'a>> {
        self.content.get(*self.modules.get(module)?, name)
    }

    fn number(&self, module: &str, name: &str) -> Option<f64> {
        number(self.content, self.attribute(module, name)?)
    }

    /// What a layer's values stay within; 0 for no bound.
    fn clamp(&self, module: &str) -> f64 {
        self.number(module, "conv_clamp").unwrap_or(0.0)
    }

    /// The tensors, if they are those of a network of ours.
    fn of(&self, network: &Parameters) -> Result<Named> {
        for entry in network.entries() {
            let Some(tensor) = self.tensors.get(&entry.name) else {
                return Err(self.refuse(format_args!("`{}` is missing", entry.name)));
            };
            let (size, wanted) = (tensor.size(), entry.tensor.size());
            if size != wanted {
                let why = format!("`{}` has shape {size:?}, where {wanted:?} is needed", entry.name);
                return Err(self.refuse(why));
            }
        }
        let known = |name: &String| network.entries().iter().any(|entry| entry.name == *name);
        if let Some(other) = self.tensors.keys().find(|name| !known(name)) {
            return Err(self.refuse(format_args!("`{other}` is part of another network")));
        }
        Ok(self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect())
    }
}

/// A number, as Python or numpy has it.
fn number(content: &Pickle, value: Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        _ => {
            let scalar = content.object(value).filter(|object| object.name == "scalar")?;
            let &[kind, Value::Bytes(bytes)] = content.row(scalar.arguments)? else { return None };
            let &[Value::Text(kind), ..] = content.row(content.object(kind)?.arguments)? else { return None };
            match kind {
                "f8" => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
                "f4" => Some(f32::from_le_bytes(bytes.try_into().ok()?).into()),
                "i8" => Some(i64::from_le_bytes(bytes.try_into().ok()?) as f64),
                "i4" => Some(i32::from_le_bytes(bytes.try_into().ok()?).into()),
                _ => None,
            }
        }
    }
}

/// What a generator is made of.
fn generator(network: &Network) -> Result<Config> {
    let block = |level: u32| format!("synthesis.{}", Layout::name(level));
    let levels = network.count(|level| format!("{}.conv1.weight", block(level)));
    if levels < 2 {
        let is_third = network.has("synthesis.input.weight");
        let why = if is_third { "it is a StyleGAN3" } else { "`synthesis.b4.conv1.weight` is missing" };
        return Err(network.refuse(why));
    }
    let top = block(levels - 1);
    for level in 0..levels {
        let layer = format!("{}.conv1", block(level));
        if let Some(Value::Text(word)) =
            network.attribute(&layer, "activation").filter(|word| *word != Value::Text("lrelu"))
        {
            return Err(network.refuse(format_args!("`{layer}` has the activation {word}, not lrelu")));
        }
    }
    let layers = network.count(|layer| format!("mapping.fc{layer}.weight"));
    let last = format!("mapping.fc{}.weight", layers.max(1) - 1);
    let style = network.size(&last, 0)?;
    let width = network.size("mapping.fc0.weight", 0)?;
    let (mut embedding, mut classes) = (0, 0);
    if network.has("mapping.embed.weight") {
        embedding = network.size("mapping.embed.weight", 0)?;
        classes = network.size("mapping.embed.weight", 1)?;
    }
    let or_style = |size: i64| if size == style { 0 } else { size };
    let size = Layout::size_of(levels - 1);
    let half_precision =
        (0..levels).filter(|level| network.attribute(&block(*level), "use_fp16") == Some(Value::Bool(true)));
    let architecture = match () {
        () if network.has("synthesis.b4.torgb.weight") => Architecture::Skip,
        () if network.has(&format!("{top}.skip.weight")) => Architecture::Resnet,
        () => Architecture::Orig,
    };
    let rate = if size >= 1024 { 0.002 } else { 0.0025 };
    let adam = AdamConfig { beta2: 0.99, ..AdamConfig::new(rate, 0.0) };
    let config = Config {
        size,
        channels: network.size(&format!("{top}.torgb.weight"), 0)?,
        conditional: classes > 0,
        classes: (0..classes).map(|class| class.to_string()).collect(),
        latent: network.size("mapping.fc0.weight", 1)? - embedding,
        style,
        mapping_layers: layers,
        mapping_width: if layers > 1 { or_style(width) } else { 0 },
        mapping_embedding: or_style(embedding),
        mapping_lr: network.number("mapping.fc0", "bias_gain").unwrap_or(0.01),
        generator: architecture,
        noise: network.has("synthesis.b4.conv1.noise_strength"),
        resample_filter: taps(network, &format!("{top}.resample_filter"))?,
        generator_clamp: network.clamp(&format!("{top}.conv1")),
        discriminator_clamp: network.clamp(&format!("{top}.conv1")),
        bf16_resolutions: half_precision.count() as i64,
        batch: BATCH,
        r1_gamma: 0.0002 * (size * size) as f64 / BATCH as f64,
        generator_optimizer: adam,
        discriminator_optimizer: adam,
        // These weights are no first ones: their average goes on as slowly as it went.
        ema: EmaConfig { ramp_up: 0.0, ..Config::default().ema },
        ..Config::default()
    };
    let widths = (0..levels)
        .map(|level| network.size(&format!("{}.conv1.weight", block(level)), 0))
        .collect::<Result<Vec<i64>>>()?;
    let kwargs = network.attribute("", "_init_kwargs");
    let kwargs = kwargs.and_then(|kwargs| network.content.get(kwargs, "synthesis_kwargs"));
    let said = |name: &str, or: i64| {
        let value = kwargs.and_then(|kwargs| network.content.get(kwargs, name));
        value.and_then(|value| number(network.content, value)).map_or(or, |number| number as i64)
    };
    let most = widths.iter().copied().max().unwrap_or(1);
    let narrower = (0..levels).zip(&widths).filter(|(_, width)| **width < most);
    let base = narrower.map(|(level, width)| width * Layout::size_of(level)).max();
    let told =
        [(said("channel_base", 32_768), said("channel_max", 512)), (base.unwrap_or(most * size), most)];
    let mut tried = told.iter().map(|&(channel_base, channel_max)| Config {
        channel_base,
        channel_max,
        ..config.clone()
    });
    let fits = |config: &Config| {
        (0..levels).zip(&widths).all(|(level, width)| Layout::new(config).channels(level) == *width)
    };
    let Some(config) = tried.find(fits) else {
        let why = format!("its channels, {widths:?} from the bottom up, do not halve as the sides double");
        return Err(network.refuse(why));
    };
    config.validate().map_err(|error| network.refuse(error))?;
    Ok(config)
}

/// The configuration with what a discriminator is made of, and its weights.
fn discriminator(network: &Network, config: Config) -> Result<(Config, Named)> {
    let top = Layout::name(Layout::new(&config).doublings);
    let architecture = match () {
        () if network.has("b4.fromrgb.weight") => Architecture::Skip,
        () if network.has(&format!("{top}.skip.weight")) => Architecture::Resnet,
        () => Architecture::Orig,
    };
    let activation = match network.attribute(&format!("{top}.conv0"), "activation") {
        Some(Value::Text(word)) => {
            let word: serde::de::value::StrDeserializer<serde::de::value::Error> = word.into_deserializer();
            Activation::deserialize(word).map_err(|error| network.refuse(error))?
        }
        _ => Activation::Lrelu,
    };
    let layers = network.count(|layer| format!("mapping.fc{layer}.weight"));
    let told = network.size("b4.conv.weight", 1)? - network.size("b4.conv.weight", 0)?;
    // All of a batch where it is None.
    let group = network.number("b4.mbstd", "group_size").map_or(0, |group| group as i64);
    let config = Config {
        discriminator: architecture,
        discriminator_activation: activation,
        discriminator_embedding: if config.conditional { network.size("b4.out.weight", 0)? } else { 0 },
        discriminator_mapping_layers: if config.conditional {
            layers
        } else {
            config.discriminator_mapping_layers
        },
        discriminator_clamp: network.clamp(&format!("{top}.conv0")),
        minibatch_group: group,
        minibatch_channels: told,
        // Groups divide a batch; larger ones are all of it.
        batch: if (1..BATCH).contains(&group) { (BATCH + group - 1) / group * group } else { BATCH },
        ..config
    };
    config.validate().map_err(|error| network.refuse(error))?;
    let mut parameters = Parameters::counting();
    let _ = Discriminator::new(parameters.root(), &config)?;
    let weights = network.of(&parameters)?;
    Ok((config, weights))
}

/// A filter's taps, of whole numbers where that can be.
fn taps(network: &Network, name: &str) -> Result<Vec<f64>> {
    network.size(name, 0)?;
    let filter = network.tensors[name].f_to_kind(Kind::Double)?;
    let line = if filter.dim() == 2 {
        filter.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?
    } else {
        filter
    };
    let taps = Vec::<f64>::try_from(line)?;
    let least = taps.iter().map(|tap| tap.abs()).filter(|tap| *tap > 1e-6).fold(f64::INFINITY, f64::min);
    let whole: Vec<f64> = taps.iter().map(|tap| (tap / least).round()).collect();
    let near = taps.iter().zip(&whole).all(|(tap, whole)| (tap / least - whole).abs() < 1e-3);
    Ok(if near && least.is_finite() { whole } else { taps })
}
