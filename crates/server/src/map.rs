//! Maps that are looked up with every request.

use std::collections::HashMap;

/// Quicker than the standard library's own, which withstands whoever can put in as many keys as they like: nobody can here, because the keys
/// are names of a schema, ids that the server gave out, or as many texts as are kept at most.
pub(crate) type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
