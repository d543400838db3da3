//! Which classes or attributes pictures are asked to have.

use crate::config::suggest;
use crate::failure::usage;
use anyhow::Result;
use gan_core::random::Streams;
use gan_core::variant::{Attribute, Generate};
use tch::{Device, Tensor};

/// The options of commands that generate.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choice {
    /// The class of all pictures, by name or number; none: no class in particular, for GANs trained with label_dropout
    /// [default: all in turn]
    #[arg(long, value_name = "NAME|N")]
    pub class: Option<String>,
    /// An attribute of all pictures, for GANs that know attributes; can be repeated [default: drawn for each seed]
    #[arg(long = "attribute", value_name = "NAME=X")]
    pub attributes: Vec<String>,
}

/// What was chosen, known to fit the GAN.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// It takes none, or shall do without.
    Nothing,
    /// So many classes in turn.
    InTurn(i64),
    /// One class.
    Class(i64),
    /// So many attributes, of which these are given.
    Attributes(Vec<Option<f32>>),
}

impl Choice {
    /// What of it there is to choose for a GAN.
    ///
    /// # Errors
    /// A class or an attribute that the GAN does not have.
    pub fn of(&self, gan: &(impl Generate + ?Sized)) -> Result<Labels> {
        if let Some(first) = self.attributes.first()
            && gan.attributes().is_empty()
        {
            return Err(usage(format!("--attribute {first}: this GAN knows no attributes")));
        }
        match &self.class {
            Some(word) if word == "none" => return Ok(Labels::Nothing),
            Some(word) => return Ok(Labels::Class(class_number(word, gan.class_names())?)),
            None => {}
        }
        if !gan.attributes().is_empty() {
            let mut values = vec![None; gan.attributes().len()];
            for text in &self.attributes {
                let (index, value) = attribute(text, gan.attributes())?;
                values[index] = Some(number(text, value, &gan.attributes()[index])?);
            }
            return Ok(Labels::Attributes(values));
        }
        Ok(if gan.classes() > 0 { Labels::InTurn(gan.classes()) } else { Labels::Nothing })
    }
}

impl Labels {
    /// Labels of pictures by their number in the command and their seed, on a device.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn tensor(
        &self,
        gan: &(impl Generate + ?Sized),
        pictures: &[(u64, u64)],
        device: Device,
    ) -> Result<Option<Tensor>> {
        let labels = match self {
            Self::Nothing => return Ok(None),
            Self::Attributes(given) => {
                let mut rows = Vec::new();
                for (_, seed) in pictures {
                    let drawn = gan.draw_labels(&Streams::new(*seed, 0, 0, Device::Cpu), 1)?;
                    let drawn = drawn.map(|row| Vec::<f32>::try_from(row.f_flatten(0, -1)?)).transpose()?;
                    let drawn = drawn.unwrap_or_default();
                    rows.extend(given.iter().zip(drawn).map(|(given, drawn)| given.unwrap_or(drawn)));
                }
                Tensor::f_from_slice(&rows)?.f_reshape([pictures.len() as i64, given.len() as i64])?
            }
            _ => Tensor::f_from_slice(&self.classes(pictures.iter().map(|(number, _)| *number)))?,
        };
        Ok(Some(labels.f_to_device(device)?))
    }

    /// Classes of pictures by their number in the command; none where there are no classes.
    pub fn classes(&self, numbers: impl Iterator<Item = u64>) -> Vec<i64> {
        match *self {
            Self::InTurn(classes) => numbers.map(|number| (number % classes as u64) as i64).collect(),
            Self::Class(class) => numbers.map(|_| class).collect(),
            Self::Nothing | Self::Attributes(_) => Vec::new(),
        }
    }
}

/// The number of a class that is named, or numbered.
///
/// # Errors
/// No such class.
pub fn class_number(word: &str, names: &[String]) -> Result<i64> {
    if names.is_empty() {
        return Err(usage(format!("--class {word}: this GAN knows no classes")));
    }
    let same = |name: &String| name == word || name.to_lowercase() == word.to_lowercase();
    // A name first: classes may be called by numbers.
    let found = names.iter().position(|name| name == word).or_else(|| names.iter().position(same));
    let numbered = || word.parse::<usize>().ok().filter(|number| *number < names.len());
    found.or_else(numbered).map(|number| number as i64).ok_or_else(|| {
        let meant = suggest::nearest(word, names.iter().map(String::as_str));
        let meant = meant.map_or_else(String::new, |meant| format!(", did you mean {meant}?"));
        let known = listed(names);
        usage(format!("--class {word}: it was not trained on such a class{meant}; there are {known}"))
    })
}

/// Names for a message, not too many.
fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    match names.get(MOST..) {
        None | Some([]) => names.join(", "),
        Some(rest) => format!("{} and {} more", names[..MOST].join(", "), rest.len()),
    }
}

/// The attribute that `NAME=VALUE` is about, and its value.
///
/// # Errors
/// No such attribute; no `=`.
pub fn attribute<'a>(text: &'a str, known: &[Attribute]) -> Result<(usize, &'a str)> {
    let Some((name, value)) = text.rsplit_once('=') else {
        return Err(usage(format!("--attribute {text}: expected NAME=X")));
    };
    let names: Vec<String> = known.iter().map(|attribute| attribute.name.clone()).collect();
    let index = names.iter().position(|known| known == name.trim()).ok_or_else(|| {
        let meant = suggest::nearest(name, names.iter().map(String::as_str));
        let meant = meant.map_or_else(String::new, |meant| format!(", did you mean {meant}?"));
        usage(format!("--attribute {text}: it knows no such attribute{meant}; there are {}", listed(&names)))
    })?;
    Ok((index, value.trim()))
}

/// A value of an attribute.
///
/// # Errors
/// No number, or one outside what was seen in training.
pub fn number(text: &str, value: &str, attribute: &Attribute) -> Result<f32> {
    let Attribute { low, high, .. } = attribute;
    match value.parse::<f64>() {
        Ok(number) if (*low..=*high).contains(&number) => Ok(number as f32),
        _ => {
            Err(usage(format!("--attribute {text}: expected a number from {low} to {high}, as in training")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn classes_are_found_by_name_and_by_number() {
        let known = names(&["Ankle boot", "Bag", "7", "été"]);
        for (word, number) in [("Bag", 1), ("bag", 1), ("ankle boot", 0), ("3", 3), ("7", 2), ("ÉTÉ", 3)] {
            assert_eq!(class_number(word, &known).expect(word), number);
        }
        let refused = |word, names: &[String]| class_number(word, names).expect_err(word).to_string();
        assert!(refused("bags", &known).contains("did you mean Bag?"));
        assert!(refused("9", &known).contains("there are Ankle boot, Bag, 7, été"));
        assert!(refused("bag", &[]).contains("knows no classes"));
        let many: Vec<String> = (0..25).map(|class| format!("kind {class}")).collect();
        assert!(refused("x", &many).contains("kind 19 and 5 more"));
    }

    #[test]
    fn attributes_are_checked() {
        let tilt = Attribute { name: "tilt = a".to_owned(), low: -30.0, high: 30.0, whole: false };
        let known = [tilt];
        let (index, value) = attribute("tilt = a=12.5", &known).expect("an attribute");
        assert_eq!((index, number("", value, &known[0]).expect("a number")), (0, 12.5));
        for (text, part) in [("tilt", "NAME=X"), ("tild = a=1", "did you mean tilt = a?")] {
            assert!(attribute(text, &known).expect_err(text).to_string().contains(part), "{text}");
        }
        for value in ["31", "x", "nan", ""] {
            assert!(number("", value, &known[0]).expect_err(value).to_string().contains("from -30 to 30"));
        }
    }

    #[test]
    fn classes_come_in_turn_or_are_one() {
        assert_eq!(Labels::InTurn(3).classes(2..6), [2, 0, 1, 2]);
        assert_eq!(Labels::Class(1).classes(0..2), [1, 1]);
        assert!(Labels::Nothing.classes(0..2).is_empty());
    }
}
