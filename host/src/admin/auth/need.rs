//! The permissions, as types for [`Allowed`](super::Allowed) and [`AllowedFor`](super::AllowedFor).

use crate::token::Permission;

/// A permission as a type.
pub(in crate::admin) trait Need: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("See [`Permission::", stringify!($name), "`].")]
            pub(in crate::admin) struct $name;

            impl Need for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )*
    };
}

needs!(Read, Unmask, Operate, Deploy, Admin);
