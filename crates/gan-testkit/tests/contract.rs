//! The contract suite finds what it is there for.

mod toy;

use gan_testkit::contract::{self, Subject};
use std::panic::{AssertUnwindSafe, catch_unwind};
use toy::{Halves, Settings, Toy};

fn verdict(change: fn(&mut Settings)) -> Result<(), String> {
    let subject = Subject {
        variant: &|seed| {
            let mut settings = Settings::healthy(seed);
            change(&mut settings);
            Toy::new(settings)
        },
        source: &|| Box::new(Halves::new()),
    };
    catch_unwind(AssertUnwindSafe(|| contract::check(&subject)))
        .map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn a_sound_variant_passes() {
    assert_eq!(verdict(|_| {}), Ok(()));
}

#[test]
fn a_step_that_reads_a_value_is_found() {
    let sentence = verdict(|settings| settings.reads = true).expect_err("it reads");
    assert!(sentence.contains("read tensors on the host 2 times: aten::_local_scalar_dense"), "{sentence}");
}
