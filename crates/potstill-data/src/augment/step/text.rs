//! A step as text: a name alone, or a table with its settings.

use std::fmt;

use serde::de::value::{self, MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Step, default_brightness, default_factors, default_hue, default_narrow_fill, default_ssd_aspect,
    default_ssd_scale, default_zoom,
};

impl Step {
    /// A step of this name that needs no settings, with those that are usual.
    fn usual(name: &str) -> Option<Self> {
        Some(match name {
            "photometric" => Self::Photometric {
                brightness: default_brightness(),
                contrast: default_factors(),
                saturation: default_factors(),
                hue: default_hue(),
            },
            "fix-match" => Self::fix_match(),
            "ssd-crop" => Self::SsdCrop {
                scale: default_ssd_scale(),
                aspect: default_ssd_aspect(),
            },
            "zoom-out" => Self::ZoomOut {
                most: default_zoom(),
                fill: 0,
            },
            "narrow-crop" => Self::NarrowCrop {
                fill: default_narrow_fill(),
            },
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The derived form.
        Self::serialize(self, serializer)
    }
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a step, or a table `{ name = { settings } }`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Step, E> {
        if let Some(step) = Step::usual(name) {
            return Ok(step);
        }
        Step::deserialize(StrDeserializer::<value::Error>::new(name)).map_err(|error| {
            let text = error.to_string();
            if text.starts_with("unknown variant") {
                return E::custom(text);
            }
            E::custom(format!(
                "the step `{name}` needs settings, as in `{{ {name} = {{ ... }} }}`"
            ))
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Step, A::Error> {
        Step::deserialize(MapAccessDeserializer::new(map))
    }
}
