--- What a sweep over settings of a model shows of all its cells together: a table, a heat map a metric, a contact sheet.
--- Every cell leaves its metrics in a file of its own; after each cell everything is drawn anew from those that are there.

local choices = require "chexgen.choices"
local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local plot = require "chexgen.plot"
local tensor = require "chexgen.tensor"

local sweep = {}

local METRICS_FILE = "metrics.csv"

--- Keeps the metrics of the cell that is running, in the order of its study's columns.
function sweep.keep(run, row, columns)
  local rows = {}
  for _, column in ipairs(columns) do
    if row[column.name] then rows[#rows + 1] = { column.name, row[column.name] } end
  end
  dataset.write_csv(run:artifact(METRICS_FILE), { "metric", "value" }, rows)
end

--- The metrics that a cell left, by name; names that are new come into the list `known`.
local function metrics_of(cell, known)
  local found = {}
  local path = cell.artifacts .. "/" .. METRICS_FILE
  local file = io.open(path)
  if not file then return found end
  file:close()
  -- No input of the run: what lies in its own folder is not pinned.
  for _, row in dataset.csv { path = path }:rows() do
    local value = tonumber(row.value)
    if value then
      found[row.metric] = value
      if not known[row.metric] then known[row.metric], known[#known + 1] = true, row.metric end
    end
  end
  return found
end

--- The cells with their metrics and states, and the names of all metrics: those that are asked for, then others that cells have.
--- The running cell is done, or has failed for a reason.
local function cells_of(run, asked, failure)
  local cells, metrics = {}, {}
  for i, name in ipairs(asked) do metrics[i], metrics[name] = name, true end
  for i, cell in ipairs(run.cells) do
    local item = { values = cell.values, artifacts = cell.artifacts, state = cell.state, message = choices.reason(cell.message or "") }
    if cell.state == "running" then
      item.state = failure and "failed" or "done"
      item.message = choices.reason(failure or "")
    end
    item.metrics = item.state == "done" and metrics_of(cell, metrics) or {}
    cells[i] = item
  end
  return cells, metrics
end

--- A value as labels show it; a parameter that a cell sets to nothing is the model's own.
local function text(value)
  if value == nil or value == "" then return "model's own" end
  if type(value) == "table" then
    local parts = {}
    for i, item in ipairs(value) do parts[i] = text(item) end
    return table.concat(parts, " ")
  end
  if math.type(value) == "float" then return ("%.6g"):format(value) end
  return tostring(value)
end

--- The names that the sweep sets, in order of the alphabet.
local function settings_of(cells)
  local seen, names = {}, {}
  for _, cell in ipairs(cells) do
    for name in pairs(cell.values) do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
  return names
end

local function write_cells(run, cells, names, metrics)
  local columns = { "row" }
  for _, name in ipairs(names) do columns[#columns + 1] = name end
  for _, name in ipairs { "state", "message" } do columns[#columns + 1] = name end
  for _, name in ipairs(metrics) do columns[#columns + 1] = name end
  local rows = {}
  for i, cell in ipairs(cells) do
    local row = { row = i, state = cell.state, message = cell.message ~= "" and cell.message or nil }
    for _, name in ipairs(names) do row[name] = text(cell.values[name]) end
    for _, name in ipairs(metrics) do row[name] = cell.metrics[name] end
    rows[i] = row
  end
  local path = run:artifact("cells.csv", true)
  dataset.write_csv(path, columns, rows)
  return path
end

--- The different values of a setting, in the order of the cells.
local function values_of(cells, name)
  local seen, list = {}, {}
  for _, cell in ipairs(cells) do
    local label = text(cell.values[name])
    if not seen[label] then
      list[#list + 1] = label
      seen[label] = #list
    end
  end
  return list, seen
end

--- A heat map of every metric, and of every combination of the settings that are not its axes. Cells without a value are NaN.
local function draw_maps(run, cells, names, metrics)
  local is_axis = { guidance_scale = true, steps = true }
  local others = {}
  for _, name in ipairs(names) do
    if not is_axis[name] then others[#others + 1] = name end
  end
  local rows, row_of = values_of(cells, "guidance_scale")
  local columns, column_of = values_of(cells, "steps")
  local groups, order = {}, {}
  for _, cell in ipairs(cells) do
    local parts = {}
    for _, name in ipairs(others) do parts[#parts + 1] = name .. " " .. text(cell.values[name]) end
    local key = table.concat(parts, ", ")
    if not groups[key] then
      groups[key] = {}
      order[#order + 1] = key
    end
    table.insert(groups[key], cell)
  end
  local count = 0
  for _, metric in ipairs(metrics) do
    for number, key in ipairs(order) do
      local values, has_any = {}, false
      for i = 1, #rows do
        values[i] = {}
        for j = 1, #columns do values[i][j] = 0 / 0 end
      end
      for _, cell in ipairs(groups[key]) do
        local value = cell.metrics[metric]
        if value then
          values[row_of[text(cell.values.guidance_scale)]][column_of[text(cell.values.steps)]] = value
          has_any = true
        end
      end
      if has_any then
        local ending = #order > 1 and "_" .. number or ""
        plot.heatmap {
          path = run:artifact(("heatmap_%s%s.svg"):format(metric:gsub("[^%w]+", "_"):gsub("_$", ""), ending), true),
          values = tensor.new(values, "f64"), rows = rows, columns = columns, xlabel = "steps",
          ylabel = "guidance scale", label = metric, annotate = true,
          title = key == "" and metric or ("%s, %s"):format(metric, key),
        }
        count = count + 1
      end
    end
  end
  return count
end

--- Text as XML has it.
local function escaped(words)
  local names = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }
  return (words:gsub("%c", " "):gsub("[&<>]", names))
end

--- The beginning of a text in lines of so many characters.
local function lines_of(words, length, most)
  local lines, line = {}, ""
  for word in words:gmatch "%S+" do
    if line ~= "" and utf8.len(line) + 1 + utf8.len(word) > length then
      lines[#lines + 1], line = line, ""
      if #lines == most then
        lines[most] = lines[most] .. " …"
        return lines
      end
    end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return lines
end

-- Pixels of the sheet's words: of a line, of a character, and between images.
local LINE, CHARACTER, GAP = 16, 7, 4

--- The sheet with words around it: the settings of each row, and the prompt of each column, whole where the pointer rests on it.
local function write_words(run, cells, names, films, sheet)
  local parts, left, top = {}, 0, 4 * LINE
  local across, down = (sheet.width - GAP) // #films, (sheet.height - GAP) // #cells
  local rows = {}
  for i, cell in ipairs(cells) do
    rows[i] = {}
    for j, name in ipairs(names) do
      rows[i][j] = ("%s %s"):format(name, text(cell.values[name]))
      left = math.max(left, CHARACTER * (utf8.len(rows[i][j]) + 2))
    end
    if cell.state ~= "done" then rows[i][#rows[i] + 1] = cell.state end
  end
  local function add(lines, x, y, whole)
    for k, line in ipairs(lines) do
      parts[#parts + 1] = ('<text x="%d" y="%d">%s%s</text>'):format(x, y + k * LINE, escaped(line),
        whole and ("<title>%s</title>"):format(escaped(whole)) or "")
    end
  end
  for i, film in ipairs(films) do
    add(lines_of(film.prompt, math.max(8, across // CHARACTER), 3), left + GAP + (i - 1) * across, 0, film.prompt)
  end
  for i, lines in ipairs(rows) do add(lines, GAP, top + GAP + (i - 1) * down) end
  local path = run:artifact("contact_sheet.svg", true)
  local file <close> = assert(io.open(path, "w"))
  file:write(('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">\n')
    :format(left + sheet.width, top + sheet.height), '<rect width="100%" height="100%" fill="white"/>\n',
    ('<image href="contact_sheet.png" x="%d" y="%d" width="%d" height="%d"/>\n'):format(left, top, sheet.width, sheet.height),
    table.concat(parts, "\n"), "\n</svg>\n")
  return path
end

--- One row of images a cell, the same prompts in every row; a cell without images is black.
local function draw_sheet(run, cells, films, side)
  local tiles = {}
  local black = image.from_tensor(tensor.zeros({ side, side, 3 }, "u8"))
  for _, cell in ipairs(cells) do
    for _, film in ipairs(films) do
      local tile = black
      if cell.state == "done" then
        local picture = image.load(("%s/images/%s"):format(cell.artifacts, film.file), { mode = "rgb" })
        local scale = side / math.max(picture.width, picture.height)
        tile = picture:resize {
          width = math.max(1, math.floor(picture.width * scale + 0.5)),
          height = math.max(1, math.floor(picture.height * scale + 0.5)),
        }
      end
      tiles[#tiles + 1] = tile
    end
  end
  local sheet = image.grid(tiles, { columns = #films, padding = GAP })
  image.save(run:artifact("contact_sheet.png", true), sheet)
  return sheet
end

--- Draws everything. Of `options`, `columns` are the names of metrics that the table has whether a cell has them or not, `films`
--- the images for the sheet, `file` and `prompt` of each, in tiles of `side` pixels (no sheet without them), and `failure` says why
--- the running cell failed, if it did.
function sweep.draw(run, options)
  local cells, metrics = cells_of(run, options.columns or {}, options.failure)
  local names = settings_of(cells)
  local done = 0
  for _, cell in ipairs(cells) do
    if cell.state == "done" then done = done + 1 end
  end
  local table_path = write_cells(run, cells, names, metrics)
  run:log("%d of %d cells done: %s", done, #cells, table_path)
  if done == 0 then return end
  run:log("heat maps beside it: %d", draw_maps(run, cells, names, metrics))
  local films = options.films or {}
  if #films > 0 then
    local sheet = draw_sheet(run, cells, films, options.side)
    run:log("a row of images for every row of the table: %s", write_words(run, cells, names, films, sheet))
  end
end

return sweep
