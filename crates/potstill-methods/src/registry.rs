//! Every method by name: one line each.

use potstill_recipe::Schema;
use potstill_settings::{Named, Variant};

use crate::{
    MethodEntry, MethodError, ab, at, cat_kd, cc, crd, ctkd, cwd, dist, dkd, dml, ekd, fgd, fitnet, fsp, ft,
    ickd, kd, kdsvd, label_smoothing, letkd, mgd, mlkd, nkd, nst, ofd, pkd, pkt, review_kd, rkd, rld, sdd,
    simkd, sp, srrl, tf_kd, tskd, tst, ttm, uskd, vid, vkd, wsld,
};

static REGISTRY: &[MethodEntry] = &[
    kd::ENTRY,
    dkd::ENTRY,
    wsld::ENTRY,
    dist::ENTRY,
    nkd::ENTRY,
    ttm::ENTRY,
    rld::ENTRY,
    ctkd::ENTRY,
    mlkd::ENTRY,
    sdd::ENTRY,
    label_smoothing::ENTRY,
    tf_kd::ENTRY,
    uskd::ENTRY,
    fitnet::ENTRY,
    at::ENTRY,
    nst::ENTRY,
    fsp::ENTRY,
    ft::ENTRY,
    vid::ENTRY,
    ab::ENTRY,
    ofd::ENTRY,
    ickd::ENTRY,
    kdsvd::ENTRY,
    srrl::ENTRY,
    simkd::ENTRY,
    cat_kd::ENTRY,
    review_kd::ENTRY,
    cwd::ENTRY,
    pkd::ENTRY,
    mgd::ENTRY,
    fgd::ENTRY,
    sp::ENTRY,
    pkt::ENTRY,
    rkd::ENTRY,
    cc::ENTRY,
    crd::ENTRY,
    vkd::ENTRY,
    dml::ENTRY,
    ekd::ENTRY,
    tskd::ENTRY,
    letkd::ENTRY,
    tst::ENTRY,
];

/// Every method, in the order of the documentation.
///
/// ```
/// let names: Vec<_> = potstill_methods::registry().iter().map(|entry| entry.name).collect();
/// assert_eq!(names[0], "kd");
/// ```
pub fn registry() -> &'static [MethodEntry] {
    REGISTRY
}

/// Everything that a recipe can say, with the options of every method: reads recipes and tells of all that is wrong with them at once.
pub fn schema() -> Schema {
    Schema::new(REGISTRY.iter().map(|entry| Variant {
        kind: Named {
            name: entry.name,
            about: entry.about,
        },
        keys: entry.keys,
    }))
}

/// The method with this name.
///
/// # Errors
/// [`MethodError::Unknown`] with the nearest name.
pub fn find(name: &str) -> Result<&'static MethodEntry, MethodError> {
    REGISTRY.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names = || REGISTRY.iter().map(|entry| entry.name);
        let hint = match potstill_base::nearest(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the methods are {}", names().collect::<Vec<_>>().join(", ")),
        };
        MethodError::Unknown {
            name: name.into(),
            hint,
        }
    })
}
