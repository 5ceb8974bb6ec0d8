//! What holds where the configuration says nothing. `host/config.default.toml` says the same, and a
//! test compares the two.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use super::{
    Admin, Database, Dispatch, Effects, Email, Http, Instances, Log, Plugin, Plugins, Retention, Runtime,
    Server, Store,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: local(8080),
            body_max_bytes: 1024 * 1024,
            header_max_bytes: 16 * 1024,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            body_timeout_ms: 30_000,
            bodies_max_bytes: 64 * 1024 * 1024,
            write_timeout_ms: 30_000,
            connections_max: 1024,
            connections_per_peer_max: 512,
            requests_per_connection_max: 100_000,
            shutdown_timeout_ms: 30_000,
            data_dir: None,
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: local(8081), hosts: Vec::new() }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:hookyard-data/hookyard.db".into(),
            batch_max: 512,
            busy_timeout_ms: 5000,
            log_warn_bytes: 256 * MIB,
            recent_ids_max: 131_072,
            open_orders_max: 1_000_000,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_days: 30, size_max_bytes: None, keys_days: 45 }
    }
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            dir: "plugins".into(),
            debounce_ms: 50,
            removal_grace_ms: 1000,
            rescan_interval_ms: 2000,
            file_max_bytes: 64 * MIB,
        }
    }
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            concurrency: 64,
            window: 1024,
            backlog_max: 1_000_000,
            queue_max: 4096,
            crashes_max: 3,
            alone_max_ms: 10_000,
        }
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            instances_max: 256,
            memory_max_bytes: 256 * MIB,
            table_elements_max: 40_000,
            stack_max_bytes: 512 * 1024,
            tick_ms: 5,
            payload_types_max_bytes: 4 * 1024 * 1024,
            compile_concurrency: 2,
            compile_quick_ms: 2000,
            compile_timeout_ms: 120_000,
            compile_memory_max_bytes: 1536 * MIB,
            code_max_bytes: 128 * MIB,
            cache_max_bytes: 2048 * MIB,
            random_max_bytes: MIB,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            key_max_bytes: 1024,
            value_max_bytes: 1024 * 1024,
            keys_max: 100_000,
            size_max_bytes: 256 * MIB,
            call_max_bytes: 8 * 1024 * 1024,
            cache_max_bytes: 64 * MIB,
            reruns_max: 100,
        }
    }
}

impl Default for Effects {
    fn default() -> Self {
        Self {
            per_call_max: 32,
            size_max_bytes: 1024 * 1024,
            depth_max: 8,
            per_root_max: 1000,
            waiting_max: 100_000,
            waiting_max_bytes: 256 * MIB,
            concurrency: 64,
            plugin_concurrency: 16,
            window: 1024,
            tries_max: 16,
            backoff_base_ms: 1000,
            backoff_max_ms: 3_600_000,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5000,
            timeout_ms: 30_000,
            answer_max_bytes: 1024 * 1024,
            request_max_bytes: 1024 * 1024,
            redirects_max: 5,
        }
    }
}

impl Default for Email {
    fn default() -> Self {
        Self { smtp: None, from: None, timeout_ms: 30_000 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), plugin_level: "info".into(), buffer_max_bytes: 4 * 1024 * 1024 }
    }
}

impl Default for Plugin {
    fn default() -> Self {
        Self {
            events: None,
            http: Vec::new(),
            http_credentials: Vec::new(),
            email: Vec::new(),
            emit: Vec::new(),
            config: BTreeMap::new(),
            secrets: BTreeMap::new(),
            call_timeout_ms: 2000,
            memory_max_bytes: 256 * MIB,
            host_memory_max_bytes: 64 * MIB,
            log_max_bytes: 64 * 1024,
            concurrency: 16,
            ordered: true,
            attempts_max: 8,
            age_max_ms: 259_200_000,
            backoff_base_ms: 1000,
            backoff_max_ms: 3_600_000,
            breaker_failures_percent: 80,
            breaker_deliveries: 20,
            breaker_pause_ms: 5000,
            breaker_pause_max_ms: 300_000,
            instances: Instances::Fresh,
            reuse_max: 1000,
        }
    }
}
