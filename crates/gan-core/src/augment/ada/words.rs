//! [`AdaPipe`] in configurations: a word, or a table.

use super::AdaPipe;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// The fields of [`AdaPipe`], as a table has them.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "AdaPipe", deny_unknown_fields)]
struct Table {
    #[serde(default)]
    xflip: f64,
    #[serde(default)]
    rotate90: f64,
    #[serde(default)]
    xint: f64,
    #[serde(default)]
    scale: f64,
    #[serde(default)]
    rotate: f64,
    #[serde(default)]
    aniso: f64,
    #[serde(default)]
    xfrac: f64,
    #[serde(default)]
    brightness: f64,
    #[serde(default)]
    contrast: f64,
    #[serde(default)]
    lumaflip: f64,
    #[serde(default)]
    hue: f64,
    #[serde(default)]
    saturation: f64,
    #[serde(default)]
    imgfilter: f64,
    #[serde(default)]
    noise: f64,
    #[serde(default)]
    cutout: f64,
}

impl Serialize for AdaPipe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match Self::WORDS.iter().find(|word| Self::of(word) == Some(*self)) {
            Some(word) => serializer.serialize_str(word),
            None => Table::serialize(self, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AdaPipe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrTable)
    }
}

struct WordOrTable;

impl<'de> Visitor<'de> for WordOrTable {
    type Value = AdaPipe;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "one of {}, or a table of strengths", AdaPipe::WORDS.join(", "))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<AdaPipe, E> {
        AdaPipe::of(word)
            .ok_or_else(|| E::custom(format!("`{word}` is none of {}", AdaPipe::WORDS.join(", "))))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AdaPipe, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_tables_are_read() {
        for word in AdaPipe::WORDS {
            let pipe: AdaPipe = serde_json::from_value((*word).into()).expect("a word");
            assert_eq!(Some(pipe), AdaPipe::of(word));
            assert_eq!(pipe.enabled(), *word != "none");
            assert_eq!(serde_json::to_value(pipe).expect("a word"), **word);
        }
        let error = serde_json::from_str::<AdaPipe>("\"bgx\"").expect_err("no word").to_string();
        assert!(error.contains("bgcfnc"), "{error}");
        let error = serde_json::from_str::<AdaPipe>("{\"flip\": 1}").expect_err("no field").to_string();
        assert!(error.contains("flip"), "{error}");
        let half: AdaPipe = serde_json::from_str("{\"xflip\": 0.5}").expect("a table");
        assert_eq!(half, AdaPipe { xflip: 0.5, ..AdaPipe::NONE });
        let table = serde_json::to_value(half).expect("a table");
        assert_eq!(serde_json::from_value::<AdaPipe>(table).expect("the same"), half);
    }
}
