extension Image {
    /// Images of one mode side by side, filled row by row, with `padding` black pixels around each: the layout of torchvision's
    /// `make_grid(nrow=columns)`, a single image included. Cells have the largest width and the largest height; smaller images
    /// stand in their middle, on black.
    /// - Throws: `ImageError.argument` for no images, differing modes, and grids outside `ImageLimits`.
    public static func grid(_ images: [Image], columns: Int, padding: Int = 2) throws -> Image {
        guard let first = images.first else {
            throw ImageError.argument(operation: "grid", message: "wanted at least one image")
        }
        guard columns > 0, (0...ImageLimits.side).contains(padding) else {
            throw ImageError.argument(
                operation: "grid",
                message: "wanted columns above 0 and padding of 0 to \(ImageLimits.side), got \(columns) and \(padding)"
            )
        }
        for (index, image) in images.enumerated() {
            guard image.mode == first.mode, image.palette == first.palette else {
                let what = image.mode == first.mode ? "of another palette than the first" : image.mode.rawValue
                throw ImageError.argument(
                    operation: "grid",
                    message: "image \(index + 1) is \(what), the first is \(first.mode.rawValue); convert it")
            }
        }
        let (width, height) = images.reduce((0, 0)) { (max($0.0, $1.width), max($0.1, $1.height)) }
        let across = min(columns, images.count)
        let down = (images.count - 1) / across + 1
        // Counts that no image can hold are refused before they are multiplied.
        guard across <= ImageLimits.side, down <= ImageLimits.side else {
            throw ImageError.argument(operation: "grid", message: "\(images.count) images are too many for one grid")
        }
        let cellWidth = width + padding
        let cellHeight = height + padding
        let size = first.mode.bytesPerPixel
        return try first.derived(width: across * cellWidth + padding, height: down * cellHeight + padding) { target in
            let rowBytes = (across * cellWidth + padding) * size
            for (index, image) in images.enumerated() {
                let left = (index % across) * cellWidth + padding + (width - image.width) / 2
                let top = (index / across) * cellHeight + padding + (height - image.height) / 2
                image.withPointer { source in
                    for row in 0..<image.height {
                        (target + (top + row) * rowBytes + left * size).update(
                            from: source + row * image.bytesPerRow, count: image.bytesPerRow)
                    }
                }
            }
        }
    }
}
