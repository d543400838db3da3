//! The discriminator: images and conditions to logits, and what all its forms do with their last features.

use crate::condition::{Conditions, Embed};
use crate::config::{Config, DiscriminatorCondition, Network};
use crate::convolutional::ConvolutionalFeatures;
use crate::mlp::MlpFeatures;
use gan_core::error::{Error, Result};
use gan_core::game::Verdict;
use gan_core::loss::classification::cross_entropy;
use gan_core::nn::{Init, Linear, Mode, Scope, WeightOptions};
use gan_core::random::Streams;
use gan_core::tensor::guard::shape;
use tch::{Kind, Tensor};

/// Features by either form of network, one number from them, and what the condition has to do with it.
#[derive(Debug)]
pub struct Discriminator {
    features: Form,
    last: Linear,
    projection: Option<Embed>,
    classifier: Option<Linear>,
    /// The weight of the classifier's loss.
    weight: f64,
    image: [i64; 3],
}

#[derive(Debug)]
enum Form {
    Convolutional(ConvolutionalFeatures),
    Mlp(MlpFeatures),
}

/// How the discriminator looks at images.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Whether statistics are the batch's.
    pub mode: Mode,
    /// Where dropout draws from; none: nothing is dropped.
    pub noise: Option<&'a Streams>,
}

impl Look<'_> {
    /// For judging outside a step.
    pub const STILL: Self = Self { mode: Mode::Eval, noise: None };
}

impl Discriminator {
    /// A discriminator in `scope`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn new(mut scope: Scope, config: &Config, conditions: &Conditions) -> Result<Self> {
        let (features, outputs, pooled, name, weight);
        match config.network {
            Network::Convolutional => {
                let network = ConvolutionalFeatures::new(&mut scope, config, conditions)?;
                (outputs, pooled) = (16 * network.outputs(), network.outputs());
                (name, weight) = ("last".to_owned(), config.discriminator_norm.weight());
                features = Form::Convolutional(network);
            }
            Network::Mlp => {
                features = Form::Mlp(MlpFeatures::new(&mut scope, config, conditions)?);
                (outputs, pooled) = (config.discriminator_width, config.discriminator_width);
                (name, weight) = (format!("model.{}", MlpFeatures::LAST), WeightOptions::from(Init::PyTorch));
            }
        }
        let last = Linear::new(scope.sub(name), outputs, 1, weight)?;
        let told = config.discriminator_condition;
        let vectors = config.discriminator_norm.weight();
        let projection = told
            .projects()
            .then(|| conditions.embed(scope.sub("projection"), pooled, vectors))
            .transpose()?;
        let classes = conditions.count();
        let classifier = told
            .classifies()
            .then(|| Linear::new(scope.sub("classifier"), outputs, classes, weight))
            .transpose()?;
        let image = [config.channels, config.size, config.size];
        Ok(Self { features, last, projection, classifier, weight: config.classifier, image })
    }

    /// # Shapes
    /// `images` `[N, channels, size, size]` in [-1, 1], `told` as of [`Conditions::told`]; out: logits `[N]`, high for reals
    ///
    /// # Errors
    /// Images of another shape; a class that is not there; LibTorch's.
    pub fn judge(
        &self,
        images: &Tensor,
        told: &Tensor,
        conditions: &Conditions,
        look: Look,
    ) -> Result<Verdict> {
        let [channels, height, width] = self.image;
        shape("discriminator input", images, &[told.size()[0], channels, height, width])?;
        // Features as they are, [N, outputs], and as a condition is projected on them, [N, pooled].
        let (features, pooled) = match &self.features {
            Form::Convolutional(network) => {
                let maps = network.forward(images, told, conditions, look)?; // [N, outputs, 4, 4]
                let pooled = maps.f_sum_dim_intlist([2i64, 3].as_slice(), false, None::<Kind>)?;
                (maps.f_flatten(1, -1)?, pooled)
            }
            Form::Mlp(network) => {
                let features = network.forward(images, told, look)?;
                (features.shallow_clone(), features)
            }
        };
        let mut logits = self.last.forward_in(&features, look.mode)?.f_reshape([-1i64])?;
        if let Some(projection) = &self.projection {
            let vector = projection.forward(told, look.mode)?;
            logits = logits.f_add(&vector.f_mul(&pooled)?.f_sum_dim_intlist(
                [1i64].as_slice(),
                false,
                None::<Kind>,
            )?)?;
        }
        let classification = match &self.classifier {
            Some(classifier) => {
                let guess = classifier.forward_in(&features, look.mode)?;
                Some(guessed(&guess, told)?.f_mul_scalar(self.weight)?)
            }
            None => None,
        };
        Ok(Verdict { logits, features: Some(features), classification })
    }
}

/// What a guess of the condition costs: cross-entropy of classes (Odena et al. 2017, equation 3), for attributes the mean
/// squared distance.
fn guessed(guess: &Tensor, told: &Tensor) -> Result<Tensor> {
    match told.dim() {
        1 => cross_entropy(guess, told),
        // What is told ends with a 1.
        2 => {
            let told = told.f_narrow(1, 0, guess.size()[1])?;
            Ok(guess.f_to_kind(Kind::Float)?.f_sub(&told)?.f_square()?.f_mean(None)?)
        }
        _ => Err(Error::config("labels", "are neither classes nor attributes")),
    }
}

impl DiscriminatorCondition {
    /// Whether features are made from image and condition together.
    pub(crate) fn is_input(self) -> bool {
        matches!(self, Self::Embedding | Self::Planes)
    }
}
