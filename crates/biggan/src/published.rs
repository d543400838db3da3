//! Published weights: BigGAN-PyTorch's files, whose names are ours, and those of pytorch-pretrained-biggan, which carry the
//! authors' own networks. What a network is made of is read off its weights.

use crate::config::{Config, Form, NormStatistics, Truncation};
use crate::layout;
use gan_core::ema::EmaConfig;
use gan_core::error::{Error, Result};
use gan_core::nn::SpectralNorm;
use gan_core::tensor::file::Named;
use std::collections::HashMap;
use std::path::Path;
use tch::Tensor;

/// Weights by their names.
struct File<'a> {
    path: &'a Path,
    tensors: HashMap<String, Tensor>,
}

impl<'a> File<'a> {
    fn new(weights: Named, path: &'a Path) -> Self {
        // Several GPUs leave their wrapper's name behind.
        let bare = |name: String| name.strip_prefix("module.").map(str::to_owned).unwrap_or(name);
        Self { path, tensors: weights.into_iter().map(|(name, tensor)| (bare(name), tensor)).collect() }
    }

    fn refuse(&self, why: impl std::fmt::Display) -> Error {
        Error::data(self.path, format!("holds no BigGAN that this program knows: {why}"))
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| self.refuse(format_args!("`{name}` is missing")))
    }

    /// One of a tensor's sizes.
    fn size(&self, name: &str, axis: usize) -> Result<i64> {
        let size = self.tensor(name)?.size();
        size.get(axis).copied().ok_or_else(|| self.refuse(format_args!("`{name}` has shape {size:?}")))
    }

    /// Weights for this network with what their spectral normalisation is.
    fn spectral_norm(&self, layer: &str) -> SpectralNorm {
        let followed = (0..).take_while(|index| self.has(&format!("{layer}.u{index}"))).count() as u32;
        match followed {
            0 => SpectralNorm::OFF,
            singular_values => SpectralNorm { singular_values, ..SpectralNorm::BIGGAN },
        }
    }
}

/// A generator as a configuration and weights under this crate's names. Of the authors' networks the normalisations' statistics
/// depend on the `truncation` that one will sample with.
///
/// # Errors
/// Weights of another network.
pub fn generator(weights: Named, path: &Path, truncation: f64) -> Result<(Config, Named)> {
    let file = File::new(weights, path);
    if file.has("generator.gen_z.weight_orig") {
        return authors_generator(&file, truncation);
    }
    let deep = file.has("blocks.0.0.conv4.weight");
    let blocks = (0..).take_while(|index| file.has(&format!("blocks.{index}.0.conv1.weight"))).count() as i64;
    let depth = if deep { 2 } else { 1 };
    let size = layout::BOTTOM << (blocks / depth);
    if !layout::SIZES.contains(&size) || blocks % depth != 0 {
        return Err(file.refuse(format_args!("there is no network of {blocks} blocks")));
    }
    let stages = layout::generator(size);
    let last_units = stages.last().map_or(1, |stage| stage.channels[1]);
    let shared = file.has("shared.weight");
    let classes = file.size(if shared { "shared.weight" } else { "blocks.0.0.bn1.gain.weight" }, 0)?;
    let told = file.size("blocks.0.0.bn1.gain.weight", 1)?;
    let embedding = if shared { file.size("shared.weight", 1)? } else { 0 };
    let begins = file.size("linear.weight", 1)?;
    let hierarchical = shared && told > embedding;
    let latent = match (deep, hierarchical) {
        (true, _) => begins - embedding,
        (false, true) => begins * (stages.len() as i64 + 1),
        (false, false) => begins,
    };
    let attended = |stage: usize| file.has(&format!("blocks.{}.1.gamma", (stage as i64 + 1) * depth - 1));
    let attention = stages.iter().enumerate().filter(|(index, _)| attended(*index));
    let standing = file.has("output_layer.0.bn.stored_mean");
    let config = Config {
        size,
        channels: file.size("output_layer.2.weight", 0)?,
        classes: numbered(classes),
        form: if deep { Form::Deep } else { Form::Biggan },
        depth: 2,
        latent,
        embedding,
        hierarchical,
        generator_width: file.size("output_layer.2.weight", 1)? / last_units,
        generator_attention: attention.map(|(_, stage)| stage.size).collect(),
        generator_spectral_norm: file.spectral_norm("linear"),
        norm_statistics: if standing { NormStatistics::Standing } else { NormStatistics::Running },
        ..imported()
    };
    Ok((config, file.tensors.into_iter().collect()))
}

/// A discriminator's width, attention and normalisation put into the configuration of its generator.
///
/// # Errors
/// Weights of another network than goes with the generator.
pub fn discriminator(config: &mut Config, weights: Named, path: &Path) -> Result<Named> {
    let file = File::new(weights, path);
    let stages = layout::discriminator(config.size, config.form);
    let last_units = stages.last().map_or(1, |stage| stage.channels[1]);
    let after = if config.form == Form::Deep { config.depth } else { 1 };
    config.discriminator_width = file.size("linear.weight", 1)? / last_units;
    let attended = |index: usize| file.has(&format!("blocks.{index}.{after}.gamma"));
    let attention = stages.iter().enumerate().filter(|(index, _)| attended(*index));
    config.discriminator_attention = attention.map(|(_, stage)| stage.size).collect();
    config.discriminator_spectral_norm = file.spectral_norm("linear");
    Ok(file.tensors.into_iter().collect())
}

/// Settings that weights do not tell.
fn imported() -> Config {
    Config { ema: EmaConfig::default(), discriminator_width: 4, ..Config::default() }
}

fn numbered(classes: i64) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

/// Rows of the authors' tables of statistics: truncations from 0 to 1.
const ROWS: usize = 51;

/// BigGAN-deep under pytorch-pretrained-biggan's names, its weights divided by their stored singular values.
fn authors_generator(file: &File, truncation: f64) -> Result<(Config, Named)> {
    if !(truncation > 0.0 && truncation <= 1.0) {
        return Err(Error::config(
            "truncation",
            format!("{truncation} is not above 0 and at most 1, for which the file has statistics"),
        ));
    }
    let statistics = Statistics::at(truncation);
    let embedding = file.size("embeddings.weight", 0)?;
    let width = file.size("generator.bn.weight", 0)?;
    let latent = file.size("generator.gen_z.weight_orig", 1)? - embedding;
    let is_attention = |index: &usize| file.has(&format!("generator.layers.{index}.gamma"));
    let is_block = |index: &usize| file.has(&format!("generator.layers.{index}.conv_0.weight_orig"));
    let layers: Vec<usize> = (0..).take_while(|index| is_attention(index) || is_block(index)).collect();
    let blocks = layers.iter().filter(|index| is_block(index)).count();
    let size = layout::BOTTOM << (blocks / 2);
    if ![128, 256, 512].contains(&size) {
        return Err(file.refuse(format_args!("there is no BigGAN-deep of {blocks} blocks")));
    }
    let mut out = Named::new();
    // Theirs are told (z, y), ours (y, z).
    let reordered = |weight: &Tensor| -> Result<Tensor> {
        let parts = [weight.f_narrow(1, latent, embedding)?, weight.f_narrow(1, 0, latent)?];
        Ok(Tensor::f_cat(&parts, 1)?)
    };
    out.push(("shared.weight".to_owned(), file.tensor("embeddings.weight")?.f_tr()?.f_contiguous()?));
    // Theirs fills [4, 4, C], ours [C, 4, 4].
    let places = layout::BOTTOM * layout::BOTTOM;
    let weight = reordered(&effective(file, "generator.gen_z")?)?;
    let columns = weight.size()[1];
    let weight = weight.f_reshape([places, -1, columns])?.f_transpose(0, 1)?.f_reshape([-1, columns])?;
    let bias = file.tensor("generator.gen_z.bias")?.f_reshape([places, -1])?.f_tr()?.f_reshape([-1])?;
    out.extend([("linear.weight".to_owned(), weight), ("linear.bias".to_owned(), bias)]);
    let (mut block, mut attention) = (0, Vec::new());
    for layer in layers {
        let theirs = format!("generator.layers.{layer}");
        if is_attention(&layer) {
            let ours = format!("blocks.{}.1", block - 1);
            let gamma = file.tensor(&format!("{theirs}.gamma"))?.f_reshape([0i64; 0])?;
            out.push((format!("{ours}.gamma"), gamma));
            for (name, their_name) in [("theta", "theta"), ("phi", "phi"), ("g", "g"), ("o", "o_conv")] {
                let weight = effective(file, &format!("{theirs}.snconv1x1_{their_name}"))?;
                out.push((format!("{ours}.{name}.weight"), weight));
            }
            attention.push(layout::BOTTOM << (block / 2));
            continue;
        }
        let ours = format!("blocks.{block}.0");
        for index in 0..4 {
            let conv = format!("{theirs}.conv_{index}");
            out.push((format!("{ours}.conv{}.weight", index + 1), effective(file, &conv)?));
            let bias = file.tensor(&format!("{conv}.bias"))?.shallow_clone();
            out.push((format!("{ours}.conv{}.bias", index + 1), bias));
            let norm = format!("{theirs}.bn_{index}");
            for (name, map) in [("gain", "scale"), ("bias", "offset")] {
                let weight = reordered(&effective(file, &format!("{norm}.{map}"))?)?;
                out.push((format!("{ours}.bn{}.{name}.weight", index + 1), weight));
            }
            statistics.put(file, &norm, &format!("{ours}.bn{}", index + 1), &mut out)?;
        }
        block += 1;
    }
    for (name, theirs) in [("gain", "weight"), ("bias", "bias")] {
        let tensor = file.tensor(&format!("generator.bn.{theirs}"))?.shallow_clone();
        out.push((format!("output_layer.0.{name}"), tensor));
    }
    statistics.put(file, "generator.bn", "output_layer.0", &mut out)?;
    // They make as many channels as the width and show three.
    let image = effective(file, "generator.conv_to_rgb")?.f_narrow(0, 0, 3)?;
    let bias = file.tensor("generator.conv_to_rgb.bias")?.f_narrow(0, 0, 3)?;
    out.extend([("output_layer.2.weight".to_owned(), image), ("output_layer.2.bias".to_owned(), bias)]);
    let config = Config {
        size,
        channels: 3,
        classes: numbered(file.size("embeddings.weight", 1)?),
        form: Form::Deep,
        depth: 2,
        latent,
        embedding,
        generator_width: width,
        generator_attention: attention,
        generator_spectral_norm: SpectralNorm::OFF,
        norm_eps: 1e-4,
        truncation: Truncation::Factor,
        ..imported()
    };
    Ok((config, out))
}

/// A weight divided by its singular value, by the stored vectors.
fn effective(file: &File, layer: &str) -> Result<Tensor> {
    let of = |name: &str| file.tensor(&format!("{layer}.{name}"));
    let weight = of("weight_orig")?;
    let sigma = weight.f_flatten(1, -1)?.f_mv(of("weight_v")?)?.f_dot(of("weight_u")?)?;
    Ok(weight.f_div(&sigma)?)
}

/// Two rows of the tables of statistics, and the share of the first. The authors' program weighs them the wrong way round
/// between two of its truncations, and its networks were shown to the world so.
struct Statistics {
    row: usize,
    share: f64,
}

impl Statistics {
    fn at(truncation: f64) -> Self {
        let place = truncation / (1.0 / (ROWS - 1) as f64);
        let (row, share) = (place.floor() as usize, place.fract());
        Self { row, share: if share == 0.0 { 1.0 } else { share } }
    }

    fn put(&self, file: &File, theirs: &str, ours: &str, out: &mut Named) -> Result<()> {
        for (name, table) in [("stored_mean", "running_means"), ("stored_var", "running_vars")] {
            let table = file.tensor(&format!("{theirs}.{table}"))?;
            if table.size().first() != Some(&(ROWS as i64)) {
                return Err(file.refuse(format_args!("`{theirs}` has no statistics of {ROWS} truncations")));
            }
            let row = |row: usize| table.f_get(row.min(ROWS - 1) as i64);
            let rest = row(self.row + 1)?.f_mul_scalar(1.0 - self.share)?;
            out.push((format!("{ours}.{name}"), row(self.row)?.f_mul_scalar(self.share)?.f_add(&rest)?));
        }
        Ok(())
    }
}
