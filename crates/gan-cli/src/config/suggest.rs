//! The known key or word nearest to a mistyped one.

/// The dotted path in `known` that `typed` most likely meant, if any is near enough. A path may be meant
/// by its last parts alone: `lerning_rate` is compared with the last part of every path.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let parts = typed.split('.').count();
    let distance = |path: &str| {
        let segments: Vec<&str> = path.split('.').collect();
        let tail = segments[segments.len().saturating_sub(parts)..].join(".");
        let to = |text: &str| strsim::damerau_levenshtein(&typed.to_lowercase(), text);
        to(&tail).min(to(path))
    };
    let (found, distance) = known.into_iter().map(|path| (path, distance(path))).min_by_key(|(_, d)| *d)?;
    (distance <= 2.max(typed.len() / 3)).then_some(found)
}

/// `, did you mean X?`, or nothing.
pub fn meant<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map_or_else(String::new, |meant| format!(", did you mean {meant}?"))
}

/// What serde says of a value in a user's words: no types of Rust, and of choices the one that was most likely meant.
pub fn in_words(complaint: &str) -> String {
    if let Some(choice) = complaint.strip_prefix("unknown variant ") {
        let quoted: Vec<&str> = choice.split('`').skip(1).step_by(2).collect();
        if let Some((typed, choices)) = quoted.split_first().filter(|(_, choices)| !choices.is_empty()) {
            let near = nearest(typed, choices.iter().copied());
            let near = near.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
            return format!("`{typed}` is none of {}{near}", choices.join(", "));
        }
    }
    let found =
        complaint.strip_prefix("invalid type: ").or_else(|| complaint.strip_prefix("invalid value: "));
    let Some((found, expected)) = found.and_then(|text| text.split_once(", expected ")) else {
        return complaint.to_owned();
    };
    let wanted = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a word",
        "a sequence" => "a list such as [1, 3]",
        other => other,
    };
    // `integer `-1`` and `string "x"`: the value says what it is.
    let value = found.split_once(' ').filter(|(_, value)| value.starts_with(['`', '"']));
    let found = match (value, found) {
        (Some((_, value)), _) => value,
        (None, "map") => "a section",
        (None, "sequence") => "a list",
        (None, other) => other,
    };
    format!("{found} is not {wanted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_keys_are_found_and_far_ones_are_not() {
        let known = ["train.images", "dcgan.generator_optimizer.lr", "dcgan.latent", "dcgan.ema.ramp_up"];
        assert_eq!(nearest("imags", known), Some("train.images"));
        assert_eq!(nearest("dcgan.latents", known), Some("dcgan.latent"));
        assert_eq!(nearest("generator_optimiser.lr", known), Some("dcgan.generator_optimizer.lr"));
        assert_eq!(nearest("ema.rampup", known), Some("dcgan.ema.ramp_up"));
        assert_eq!(nearest("momentum_of_everything", known), None);
    }

    #[test]
    fn choices_are_suggested_where_one_is_near() {
        let complaint = "unknown variant `hing`, expected one of `minimax`, `hinge`, `wasserstein`";
        assert_eq!(in_words(complaint), "`hing` is none of minimax, hinge, wasserstein; did you mean hinge?");
        assert_eq!(in_words("unknown variant `x`, expected `hinge`"), "`x` is none of hinge");
    }

    #[test]
    fn types_are_named_as_users_name_them() {
        for (complaint, words) in [
            ("invalid value: integer `-1`, expected u64", "`-1` is not a whole number of 0 or more"),
            ("invalid type: string \"a\", expected f64", "\"a\" is not a number"),
            ("invalid type: integer `3`, expected a sequence", "`3` is not a list such as [1, 3]"),
            ("invalid type: map, expected a boolean", "a section is not true or false"),
        ] {
            assert_eq!(in_words(complaint), words);
        }
        for other in ["missing field `lr`", "unknown variant `", "invalid type: nothing"] {
            assert_eq!(in_words(other), other);
        }
    }
}
