//! Points: the named places of a network where a map can be read or replaced.

use std::{collections::BTreeMap, fmt, str::FromStr};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Which side of a point's last activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointSide {
    /// Before the activation.
    Pre,
    /// After the activation: what the next layer sees.
    Post,
}

/// A place in a network: the PyTorch path of the module that ends there, and the side of its activation.
///
/// Written `layer3.0` (after the activation) or `layer3.0:pre`.
///
/// ```
/// use potstill_ops::Point;
///
/// assert_eq!("layer3.0:pre".parse(), Ok(Point::pre("layer3.0")));
/// assert_eq!(Point::post("pool").to_string(), "pool");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Point {
    /// The path of the module, as PyTorch names it.
    pub path: String,
    /// Before or after the activation.
    pub side: PointSide,
}

impl Point {
    /// The point before the activation of the module at `path`.
    pub fn pre(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            side: PointSide::Pre,
        }
    }

    /// The point after the activation of the module at `path`.
    pub fn post(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            side: PointSide::Post,
        }
    }

    /// The same point of a module that stands below `path` in another.
    #[must_use]
    pub fn below(self, path: &str) -> Self {
        if path.is_empty() {
            return self;
        }
        Self {
            path: format!("{path}.{}", self.path),
            ..self
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.side {
            PointSide::Pre => write!(f, "{}:pre", self.path),
            PointSide::Post => write!(f, "{}", self.path),
        }
    }
}

impl From<Point> for String {
    fn from(point: Point) -> Self {
        point.to_string()
    }
}

impl TryFrom<String> for Point {
    type Error = PointError;

    fn try_from(text: String) -> Result<Self, PointError> {
        text.parse()
    }
}

/// Text that does not name a point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a point: write a module path such as `layer3.0`, or `layer3.0:pre` for the map before its activation"
)]
pub struct PointError(String);

impl FromStr for Point {
    type Err = PointError;

    fn from_str(text: &str) -> Result<Self, PointError> {
        let (path, side) = match text.rsplit_once(':') {
            Some((path, "pre")) => (path, PointSide::Pre),
            Some((path, "post")) => (path, PointSide::Post),
            _ => (text, PointSide::Post),
        };
        // Some ONNX files number the outputs of an operator: `conv1:0`.
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if path.is_empty() || path.contains(char::is_whitespace) || !path.split(':').skip(1).all(is_number) {
            return Err(PointError(text.into()));
        }
        Ok(Self {
            path: path.into(),
            side,
        })
    }
}

/// Reads or replaces maps during a forward pass.
///
/// A network asks `wants` first and does no extra work for a point that nobody wants: the map before an activation, for
/// instance, only exists when somebody asked for it.
pub trait Visitor {
    /// Whether the map at this point is to be shown to [`visit`](Self::visit).
    fn wants(&self, path: &str, side: PointSide) -> bool;

    /// Told before each visit how many multiplications lie behind the point.
    fn reached(&mut self, _macs: u64) {}

    /// Told when the map at a point goes into a layer that was put there, and how many multiplications lie behind it.
    fn enters_layer(&mut self, _path: &str, _side: PointSide, _macs: u64) {}

    /// Sees the map `[N, H, W, C]` at the point and gives back the one the network goes on with.
    fn visit(&mut self, path: &str, side: PointSide, map: Tensor<4>) -> Tensor<4>;
}

/// A point that no map was read at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no map was read at `{0}`")]
pub struct UnmetTap(pub Point);

/// The visitor that reads: it keeps the maps at the points it was made with.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_ops::{Mode, Pass, Point, PointSide, Taps};
///
/// let mut taps = Taps::at(&[Point::post("stem")]);
/// let mut pass = Pass::visited(Mode::Running, &mut taps);
/// // A network does this at each of its points.
/// pass.show("stem", PointSide::Post, Tensor::ones([1, 8, 8, 16], &Device::flex()));
/// assert_eq!(taps.map(&Point::post("stem")).map(|map| map.dims()), Some([1, 8, 8, 16]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Taps {
    maps: BTreeMap<Point, Option<Tensor<4>>>,
}

impl Taps {
    /// Taps at these points.
    pub fn at<'a>(points: impl IntoIterator<Item = &'a Point>) -> Self {
        Self {
            maps: points.into_iter().map(|point| (point.clone(), None)).collect(),
        }
    }

    /// The map read at this point, `[N, H, W, C]`; none if the pass never came by.
    pub fn map(&self, point: &Point) -> Option<Tensor<4>> {
        self.maps.get(point).cloned().flatten()
    }

    /// The map read at this point, `[N, H, W, C]`.
    ///
    /// # Errors
    /// [`UnmetTap`] if the pass never came by, or nobody asked for it.
    pub fn get(&self, point: &Point) -> Result<Tensor<4>, UnmetTap> {
        self.map(point).ok_or_else(|| UnmetTap(point.clone()))
    }

    /// The maps read at these points, in their order.
    ///
    /// # Errors
    /// As [`get`](Self::get), of the first point without one.
    pub fn get_all(&self, points: &[Point]) -> Result<Vec<Tensor<4>>, UnmetTap> {
        points.iter().map(|point| self.get(point)).collect()
    }

    /// The same maps on the plain device: constants.
    #[must_use]
    pub fn detached(&self) -> Self {
        let plain = |map: &Option<Tensor<4>>| map.clone().map(Tensor::inner);
        Self {
            maps: self
                .maps
                .iter()
                .map(|(point, map)| (point.clone(), plain(map)))
                .collect(),
        }
    }

    /// The points that no map was read at: misspelt, or not part of the network.
    pub fn unmet(&self) -> impl Iterator<Item = &Point> {
        self.maps
            .iter()
            .filter(|(_, map)| map.is_none())
            .map(|(point, _)| point)
    }

    fn slot(&self, path: &str, side: PointSide) -> Option<Point> {
        self.maps
            .keys()
            .find(|point| point.side == side && point.path == path)
            .cloned()
    }
}

impl Visitor for Taps {
    fn wants(&self, path: &str, side: PointSide) -> bool {
        self.maps
            .keys()
            .any(|point| point.side == side && point.path == path)
    }

    fn visit(&mut self, path: &str, side: PointSide, map: Tensor<4>) -> Tensor<4> {
        if let Some(point) = self.slot(path, side) {
            self.maps.insert(point, Some(map.clone()));
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::Point;

    #[test]
    fn points_are_read_as_they_are_written() {
        for point in [Point::pre("layer3.0"), Point::post("pool")] {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        assert_eq!("layer1.2:post".parse(), Ok(Point::post("layer1.2")));
        assert_eq!("block/conv:0".parse(), Ok(Point::post("block/conv:0")));
        assert_eq!("block/conv:0:pre".parse(), Ok(Point::pre("block/conv:0")));
        for wrong in ["", ":pre", "layer1:before", "a b", "a:", "a::pre"] {
            assert!(wrong.parse::<Point>().is_err(), "{wrong}");
        }
    }
}
