//! Which side of a split something is on: a function of its name alone, the same on every machine and in every version.
//!
//! The SHA-256 of the name decides. `printf 1f600 | sha256sum` shows it: something is held out for tests if its first 16
//! digits, as a fraction of 2^64, are below 0.15. Of two halves it is in the second if the last digit is odd.

use sha2::{Digest, Sha256};

/// Below this, of 2^64, is the test part: 15 in 100.
const TEST: u64 = u64::MAX / 100 * 15;

/// Signs of what an emoji's person is: ♀, ♂, and looking to the right.
const MANNERS: [&str; 3] = ["2640", "2642", "27a1"];
const JOINER: &str = "200d";

/// The first eight bytes of the hash, as a number to order by.
pub(crate) fn rank(name: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(name)[..8]);
    u64::from_be_bytes(first)
}

/// Whether all of this name is held out.
pub(crate) fn is_test(name: &str) -> bool {
    rank(name) < TEST
}

/// Which of two halves, 0 or 1; no matter whether it is held out.
pub(crate) fn half(name: &str) -> usize {
    usize::from(Sha256::digest(name)[31] & 1)
}

/// What an emoji shows, from its code points joined by dashes: without gender, skin tone, direction and the choice of
/// coloured display, which make many pictures of one thing. `1f469-1f3fd-200d-1f33e`, a woman farmer of medium skin, is
/// `1f9d1-1f33e`, like every farmer.
pub(crate) fn emoji_group(code_points: &str) -> String {
    let code_points = code_points.to_lowercase();
    let mut kept = Vec::new();
    let mut before = "";
    for point in code_points.split('-').filter(|point| *point != "fe0f") {
        let is_tone = ("1f3fb"..="1f3ff").contains(&point) && !kept.is_empty();
        let is_manner = before == JOINER && MANNERS.contains(&point);
        before = point;
        match point {
            JOINER => {}
            _ if is_tone || is_manner => {}
            // Man and woman are the person.
            "1f468" | "1f469" => kept.push("1f9d1"),
            _ => kept.push(point),
        }
    }
    kept.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_where_it_always_was() {
        // printf NAME | sha256sum
        let known = [
            ("1f600", 0x308e_7b21_949d_2e74, false, 1),
            ("1f34c", 0x3c86_3aae_6684_b3d5, false, 0),
            ("1f680", 0x1182_c161_da63_bd8a, true, 1),
            ("1f9d1-1f33e", 0x6c45_96ef_2a22_847f, false, 1),
        ];
        for (name, number, test, side) in known {
            assert_eq!((rank(name), is_test(name), half(name)), (number, test, side), "{name}");
        }
    }

    #[test]
    fn parts_are_as_large_as_they_should_be() {
        let names: Vec<String> = (0..20_000).map(|number| format!("{number:x}")).collect();
        let share = |wanted: &dyn Fn(&str) -> bool| {
            names.iter().filter(|name| wanted(name)).count() as f64 / names.len() as f64
        };
        // Four standard deviations of a binomial count.
        assert!((share(&is_test) - 0.15).abs() < 0.011);
        assert!((share(&|name| half(name) == 1) - 0.5).abs() < 0.015);
        assert!((share(&|name| is_test(name) && half(name) == 1) - 0.075).abs() < 0.008);
    }

    #[test]
    fn pictures_of_one_thing_are_one_group() {
        let groups = [
            ("1f600", "1f600"),
            ("1F469-1F3FD-200D-1F33E", "1f9d1-1f33e"),
            ("1f468-200d-1f33e", "1f9d1-1f33e"),
            ("1f3c3-1f3fb-200d-2640-fe0f-200d-27a1-fe0f", "1f3c3"),
            ("1f3c3", "1f3c3"),
            // Alone they are what is shown.
            ("2640-fe0f", "2640"),
            ("27a1-fe0f", "27a1"),
            ("1f3fb", "1f3fb"),
            ("0031-fe0f-20e3", "0031-20e3"),
        ];
        for (code_points, group) in groups {
            assert_eq!(emoji_group(code_points), group, "{code_points}");
        }
    }
}
