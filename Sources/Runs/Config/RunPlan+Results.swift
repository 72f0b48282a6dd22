import Files

extension RunPlan {
    /// The folder for shared tables of a cell, where the user's YAML or `--set` names one, rather than the script's default.
    public func sharedResults(of cell: Cell) -> String? {
        let isGiven =
            config.params.value["results"] != nil
            || cell.settings.contains { ["results", "params.results"].contains($0.key) }
        guard isGiven, let folder = cell.params["results"]?.string, !folder.isEmpty else { return nil }
        return folder
    }

    /// The folders for shared tables that the user names, each once.
    public var sharedResults: [String] {
        var folders: [String] = []
        for folder in cells.compactMap(sharedResults(of:)) where !folders.contains(folder) { folders.append(folder) }
        return folders
    }
}
