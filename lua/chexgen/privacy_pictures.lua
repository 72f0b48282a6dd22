--- The pictures of a study of `chexgen.privacy`: how the scores lie, and the most suspicious pairs.

local dataset = require "chexgen.dataset"
local image = require "chexgen.image"
local plot = require "chexgen.plot"
local search = require "chexgen.privacy_search"
local tensor = require "chexgen.tensor"

local REID, LATENT, SIDE = search.REID, search.LATENT, search.SIDE

--- Draws the scores, and the most suspicious pairs side by side.
local function draw(self, found)
  local function values(kind)
    local list = {}
    for _, item in ipairs(self.matched) do
      for _, film in ipairs(item.films) do list[#list + 1] = self.scores[kind][film] end
    end
    return list
  end
  local series, real = {}, found and found.pairs or {}
  for _, entry in ipairs { { "prompt's own film", self:encoder(REID) and values "reid" },
    { "real, one patient", real.genuine }, { "real, different patients", real.impostor } } do
    if entry[2] and #entry[2] > 1 then series[#series + 1] = { label = entry[1], values = tensor.new(entry[2], "f64") } end
  end
  if series[1] then
    plot.histogram { path = self.run:artifact "reid_scores.svg", series = series, bins = 40, density = true,
      xlabel = "probability of one patient", ylabel = "density", title = "Re-identification" }
  end
  if self:encoder(LATENT) and #self.synthetic > 1 then
    plot.histogram { path = self.run:artifact "latent_distances.svg", values = tensor.new(values "latent", "f64"),
      xlabel = "latent distance to the prompt's own film", ylabel = "films", title = self.roles[LATENT] }
  end
  local shown = {}
  if self.found and (self.found.reid or self.found.latent) then
    local kind = self.found.reid and "reid" or "latent"
    for film = 1, #self.synthetic do
      shown[film] = { self.found[kind].scores[film][1], film, self.found[kind].rows[film][1], kind }
    end
  else
    local kind = self:encoder(REID) and "reid" or "latent"
    for _, item in ipairs(self.matched) do
      for _, film in ipairs(item.films) do shown[#shown + 1] = { self.scores[kind][film], film, item.real, kind } end
    end
  end
  table.sort(shown, function(a, b)
    if a[1] ~= b[1] then
      if a[4] == "reid" then return a[1] > b[1] end
      return a[1] < b[1]
    end
    return a[2] < b[2]
  end)
  -- Every film with its nearest real one, the most suspicious first: the run's page shows both ends.
  local films = {}
  for i, item in ipairs(shown) do
    films[i] = { self.synthetic[item[2]].image_path, self.real[item[3]].image_path, self.prompts[item[2]],
      item[4] == "reid" and "re-identification" or "distance of " .. self.roles[LATENT], item[1] }
  end
  dataset.write_csv(self.run:artifact "films.csv", { "synthetic", "real", "caption", "by", "value" }, films)
  local tiles, lines = {}, {}
  for i = 1, math.min(self.params.gallery, #shown) do
    local value, film, real = shown[i][1], shown[i][2], shown[i][3]
    for _, path in ipairs { self.synthetic[film].image_path, self.real[real].image_path } do
      tiles[#tiles + 1] = self:pixels(path):resize { width = SIDE // 2, height = SIDE // 2, filter = "bilinear" }
    end
    lines[i] = { i, shown[i][4], value, self.synthetic[film].image_path, self.real[real].image_path, self.prompts[film] }
  end
  if not tiles[1] then return end
  image.save(self.run:artifact "suspicious_pairs.png", image.grid(tiles, { columns = 4, padding = 6 }))
  dataset.write_csv(self.run:artifact "suspicious_pairs.csv", { "pair", "by", "value", "synthetic", "real", "prompt" }, lines)
  self.run:log("the most suspicious pairs, each a synthetic film and a real one: %s", self.run:artifact "suspicious_pairs.png")
end

return draw
