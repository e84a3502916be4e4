//! What every activation says about itself.

use overparam_tensor::{Real, Tensor};
use serde_json::Value;

use crate::NtkError;
use crate::dual::visit::DualMap;
use crate::schema::fields::Fields;

/// One family of elementwise nonlinearities: its finite half, its infinite half, and its entry in the schema.
pub(crate) trait Nonlinearity: Clone + PartialEq + std::fmt::Debug {
    /// The infinite half.
    type Map: DualMap;

    /// The names that stand for this family in the schema.
    const NAMES: &'static [&'static str];

    /// The name of this member.
    fn name(&self) -> &str {
        Self::NAMES[0]
    }

    /// The member that the schema calls `name`.
    ///
    /// # Errors
    /// [`NtkError::Schema`] if a field is missing or out of range.
    fn read(name: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError>;

    /// The fields of this member in the schema; null if there are none.
    fn write(&self) -> Value {
        Value::Null
    }

    /// The finite half: the function itself, of every number in a tensor.
    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T>;

    /// The infinite half: the dual map with its constants ready.
    ///
    /// # Errors
    /// [`NtkError::Linalg`] if quadrature nodes cannot be computed.
    fn map(&self) -> Result<Self::Map, NtkError>;

    /// Members that tests compare with quadrature, with finite networks and with the schema.
    fn examples() -> Vec<Self>;
}
