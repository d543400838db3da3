//! Which classes or attributes pictures are asked to have.

use crate::config::suggest;
use crate::failure::usage;
use anyhow::Result;
use gan_core::random::Streams;
pub use gan_core::settings::listed;
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
#[derive(Debug)]
pub enum Labels {
    /// It takes none, or shall do without.
    Nothing,
    /// So many classes in turn, by seed.
    InTurn(i64),
    /// One class.
    Class(i64),
    /// Classes of real images, by number.
    Like(Vec<i64>),
    /// Attributes of real images, f32 `[N, K]`, by number.
    Rows(Tensor),
    /// So many attributes, of which these are given and the others drawn for each seed.
    Attributes(Vec<Option<f32>>),
}

impl Choice {
    /// What of it there is to choose for a GAN.
    ///
    /// # Errors
    /// A class or an attribute that the GAN does not have.
    pub fn of(&self, generator: &(impl Generate + ?Sized)) -> Result<Labels> {
        if let Some(first) = self.attributes.first()
            && (generator.attributes().is_empty() || self.class.is_some())
        {
            let why = if generator.attributes().is_empty() {
                "this GAN knows no attributes"
            } else {
                "--class is for others"
            };
            return Err(usage(format!("--attribute {first}: {why}")));
        }
        let names = generator.class_names();
        let takes_none = names.is_empty() && generator.attributes().is_empty();
        match &self.class {
            // Unless a class is called so.
            Some(word) if word == "none" && !takes_none && !names.contains(word) => {
                return Ok(Labels::Nothing);
            }
            Some(word) => return Ok(Labels::Class(class_number("--class", word, names)?)),
            None => {}
        }
        if !generator.attributes().is_empty() {
            let mut values = vec![None; generator.attributes().len()];
            for text in &self.attributes {
                let (index, value) = attribute(text, generator.attributes())?;
                values[index] = Some(number(text, value, &generator.attributes()[index])?);
            }
            return Ok(Labels::Attributes(values));
        }
        Ok(if generator.classes() > 0 { Labels::InTurn(generator.classes()) } else { Labels::Nothing })
    }

    /// What stands in a file's name for what was chosen; empty for nothing.
    pub fn in_names(&self) -> String {
        let words = self.class.iter().chain(&self.attributes);
        words.map(|word| format!("-{}", plain(word).replace(' ', "-").to_lowercase())).collect()
    }
}

impl Labels {
    /// Labels of pictures by their number in the command, whose seed is `seed` and that number, on a device.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn tensor(
        &self,
        generator: &(impl Generate + ?Sized),
        numbers: &[u64],
        seed: u64,
        device: Device,
    ) -> Result<Option<Tensor>> {
        let labels = match self {
            Self::Nothing => return Ok(None),
            Self::Rows(rows) => {
                let chosen: Vec<i64> = numbers.iter().map(|number| *number as i64 % rows.size()[0]).collect();
                rows.f_index_select(0, &Tensor::f_from_slice(&chosen)?)?
            }
            Self::Attributes(given) => {
                let mut rows = Vec::new();
                for number in numbers {
                    let streams = Streams::new(seed.wrapping_add(*number), 0, 0, Device::Cpu);
                    let drawn = generator.draw_labels(&streams, 1)?;
                    let drawn = drawn.map(|row| Vec::<f32>::try_from(row.f_flatten(0, -1)?)).transpose()?;
                    let drawn = drawn.unwrap_or_default();
                    rows.extend(given.iter().zip(drawn).map(|(given, drawn)| given.unwrap_or(drawn)));
                }
                Tensor::f_from_slice(&rows)?.f_reshape([numbers.len() as i64, given.len() as i64])?
            }
            _ => Tensor::f_from_slice(&self.classes(numbers.iter().copied(), seed))?,
        };
        Ok(Some(labels.f_to_device(device)?))
    }

    /// Classes of pictures by their number in the command, whose seed is `seed` and that number; none where there are no classes.
    pub fn classes(&self, numbers: impl Iterator<Item = u64>, seed: u64) -> Vec<i64> {
        match self {
            Self::InTurn(classes) => {
                numbers.map(|number| (seed.wrapping_add(number) % *classes as u64) as i64).collect()
            }
            Self::Like(classes) => numbers.map(|number| classes[number as usize % classes.len()]).collect(),
            Self::Class(class) => numbers.map(|_| *class).collect(),
            Self::Nothing | Self::Attributes(_) | Self::Rows(_) => Vec::new(),
        }
    }

    /// How they were chosen, to stand behind a comma.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::InTurn(_) => ", classes in turn",
            Self::Class(_) => ", one class",
            Self::Like(_) => ", classes as of the real images",
            Self::Rows(_) => ", attributes as of the real images",
            Self::Attributes(_) => ", attributes drawn",
        }
    }
}

/// A class's name as a folder can have it.
pub fn plain(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c }).collect();
    plain.trim().trim_end_matches('.').to_owned()
}

/// The number that a class has among `names`, by name or by what a folder of that name is called; -1 if it is not there.
pub fn place(class: &str, names: &[String]) -> i64 {
    let same = |name: &String| plain(name) == plain(class);
    let found = names.iter().position(|name| name == class).or_else(|| names.iter().position(same));
    found.map_or(-1, |number| number as i64)
}

/// The number of a class that is named, or numbered; `option` is where that was said.
///
/// # Errors
/// No such class.
pub fn class_number(option: &str, word: &str, names: &[String]) -> Result<i64> {
    let word = word.trim();
    if names.is_empty() {
        return Err(usage(format!("{option} {word}: this GAN knows no classes")));
    }
    let same = |name: &String| name.to_lowercase() == word.to_lowercase();
    let found = names.iter().position(|name| name == word).or_else(|| names.iter().position(same));
    // Where classes are called by numbers, a number is a name.
    let numbered = || {
        let is_free = !names.iter().any(|name| name.parse::<u64>().is_ok());
        word.parse::<usize>().ok().filter(|number| is_free && *number < names.len())
    };
    found.or_else(numbered).map(|number| number as i64).ok_or_else(|| {
        let meant = suggest::meant(word, names.iter().map(String::as_str));
        let known = listed(names);
        usage(format!("{option} {word}: it was not trained on such a class{meant}; there are {known}"))
    })
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
        let meant = suggest::meant(name, names.iter().map(String::as_str));
        usage(format!("--attribute {text}: it knows no such attribute{meant}; there are {}", listed(&names)))
    })?;
    Ok((index, value.trim()))
}

/// A value of an attribute.
///
/// # Errors
/// No number, or one outside what was seen in training.
pub fn number(text: &str, value: &str, attribute: &Attribute) -> Result<f32> {
    // As the data has them, and as one reads them: 0.3 is in a range that begins at 0.3.
    let [low, high] = [attribute.low, attribute.high].map(|end| end as f32);
    match value.parse::<f32>() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
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
        for (word, number) in [("Bag", 1), (" bag", 1), ("ankle boot", 0), ("7", 2), ("ÉTÉ", 3)] {
            assert_eq!(class_number("--class", word, &known).expect(word), number);
        }
        let refused =
            |word, names: &[String]| class_number("--class", word, names).expect_err(word).to_string();
        assert_eq!(class_number("--class", "1", &names(&["a", "b"])).expect("a number"), 1);
        assert!(refused("3", &known).contains("there are"), "where a class is called 7, 3 is no number");
        assert!(refused("bags", &known).contains("did you mean Bag?"));
        assert!(refused("9", &known).contains("there are Ankle boot, Bag, 7, été"));
        assert!(refused("bag", &[]).contains("knows no classes"));
        let many: Vec<String> = (0..25).map(|class| format!("kind {class}")).collect();
        assert!(refused("x", &many).contains("kind 19 and 5 more"));
    }

    #[test]
    fn attributes_are_checked() {
        let low = f64::from(0.3f32);
        let bright = Attribute { name: "bright".to_owned(), low, high: 1.0, whole: false };
        assert_eq!(number("", "0.3", &bright).expect("the end of the range"), 0.3);
        assert!(
            number("bright=0.2", "0.2", &bright).expect_err("below").to_string().contains("from 0.3 to 1")
        );
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
        assert_eq!(Labels::InTurn(3).classes(2..6, 0), [2, 0, 1, 2]);
        assert_eq!(
            Labels::InTurn(3).classes(0..1, 5),
            Labels::InTurn(3).classes(4..5, 1),
            "a seed has a class"
        );
        assert_eq!(Labels::Class(1).classes(0..2, 7), [1, 1]);
        assert_eq!(Labels::Like(vec![4, 2]).classes(1..4, 7), [2, 4, 2]);
        assert!(Labels::Nothing.classes(0..2, 0).is_empty());
        assert_eq!(place("T-shirt-top", &names(&["Bag", "T-shirt/top"])), 1);
        assert_eq!(place("Hat", &names(&["Bag"])), -1);
    }
}
