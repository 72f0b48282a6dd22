/// Keys that every `config.json` of diffusers may have.
enum DiffusersKeys {
    /// Notes about the file, and about the moving average that its weights may be: nothing that changes a result.
    static let ignored: Set<String> = [
        "_class_name", "_diffusers_version", "_name_or_path", "decay", "inv_gamma", "min_decay", "optimization_step",
        "power", "update_after_step", "use_ema_warmup",
    ]
}
