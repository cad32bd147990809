WITH feature_row AS (
  SELECT
    CAST({{ id_column }} AS VARCHAR) AS application_id,
    {% for alias, expression in columns %}
    {{ expression }} AS {{ alias }}{{ "," if not loop.last }}
    {% endfor %}
  FROM {{ table }}
),
applicant AS (
  SELECT
    application_id,
    {% for source, days in known_days %}
    {{ days }} AS days_{{ source }},
    {% endfor %}
    CASE WHEN {{ enough }} THEN 1 ELSE 0 END AS is_enough,
    {{ flags }} AS flags
  FROM feature_row
),
feature_value AS (
  {{ value }}
),
pattern AS (
  SELECT v.application_id, n.group_no, CAST(SUM(
    CASE
      WHEN v.value IS NULL THEN n.if_missing
      WHEN v.value <= n.threshold THEN n.if_not_above
      ELSE n.if_above
    END) AS BIGINT) AS pattern
  FROM feature_value AS v
  JOIN {{ prefix }}_node AS n ON n.feature_no = v.feature_no
  GROUP BY v.application_id, n.group_no
),
margin AS (
  SELECT p.application_id, SUM(m.margin) AS margin
  FROM pattern AS p
  JOIN {{ prefix }}_margin AS m ON m.group_no = p.group_no AND m.pattern = p.pattern
  GROUP BY p.application_id
),
contribution AS (
  SELECT p.application_id, s.feature_no, SUM(s.contribution) AS contribution
  FROM pattern AS p
  JOIN {{ prefix }}_shap AS s ON s.group_no = p.group_no AND s.pattern = p.pattern
  GROUP BY p.application_id, s.feature_no
),
-- sources of which nothing is known
absent AS (
  SELECT v.application_id, f.own_source AS source_no
  FROM feature_value AS v
  JOIN {{ prefix }}_feature AS f ON f.feature_no = v.feature_no
  WHERE f.own_source IS NOT NULL
  GROUP BY v.application_id, f.own_source
  HAVING COUNT(v.value) = 0
),
-- features over others that are missing because a source is absent, and for no other reason
absent_over AS (
  SELECT
    v.application_id,
    p.feature_no,
    MAX(CASE WHEN f.own_source IS NOT NULL THEN a.source_no END) AS source_no,
    SUM(CASE WHEN v.value IS NULL AND a.source_no IS NULL THEN 1 ELSE 0 END) AS others
  FROM feature_value AS v
  JOIN (SELECT DISTINCT application_id FROM absent) AS incomplete
    ON incomplete.application_id = v.application_id
  JOIN {{ prefix }}_part AS p ON p.part_no = v.feature_no
  JOIN {{ prefix }}_feature AS f ON f.feature_no = v.feature_no
  LEFT JOIN absent AS a ON a.application_id = v.application_id AND a.source_no = f.gone_with
  GROUP BY v.application_id, p.feature_no
),
-- step 1 of models.explanation.reasons.top_reasons: which values are adverse
compared AS (
  SELECT
    v.application_id,
    v.feature_no,
    f.theme_no,
    v.value,
    COALESCE(c.contribution, 0.0) AS contribution,
    COALESCE(a.source_no, CASE WHEN v.value IS NULL AND o.others = 0 THEN o.source_no END)
      AS source_no,
    CASE
      WHEN f.sign > 0 AND v.value > f.typical THEN 1
      WHEN f.sign < 0 AND v.value < f.typical THEN 1
      ELSE 0
    END AS is_worse,
    CASE WHEN f.sign = 0 AND (f.typical IS NULL OR v.value <> f.typical) THEN 1 ELSE 0 END
      AS is_different
  FROM feature_value AS v
  JOIN {{ prefix }}_feature AS f ON f.feature_no = v.feature_no
  LEFT JOIN contribution AS c
    ON c.application_id = v.application_id AND c.feature_no = v.feature_no
  LEFT JOIN absent AS a ON a.application_id = v.application_id AND a.source_no = f.gone_with
  LEFT JOIN absent_over AS o
    ON o.application_id = v.application_id AND o.feature_no = v.feature_no
),
adverse AS (
  SELECT
    application_id, feature_no, theme_no, value, contribution, source_no, is_worse,
    CASE
      WHEN contribution <= 0 THEN 0
      WHEN value IS NULL THEN 1
      WHEN source_no IS NULL AND is_worse + is_different > 0 THEN 1
      ELSE 0
    END AS is_adverse
  FROM compared
  WHERE contribution <> 0 OR is_worse = 1 OR source_no IS NOT NULL
),
-- step 2: sums by theme; sources that are missing together are one theme
absent_adverse AS (
  SELECT application_id, source_no
  FROM adverse
  WHERE source_no IS NOT NULL
  GROUP BY application_id, source_no
  HAVING SUM(contribution) > 0 AND SUM(is_adverse) > 0
),
themed AS (
  SELECT
    v.application_id, v.feature_no, v.theme_no, v.value, v.contribution, v.source_no,
    v.is_worse, v.is_adverse,
    CASE
      WHEN v.source_no IS NULL THEN v.theme_no
      WHEN a.source_no IS NULL THEN {{ harmless }}
      ELSE {{ absent }}
    END AS place
  FROM adverse AS v
  LEFT JOIN absent_adverse AS a
    ON a.application_id = v.application_id AND a.source_no = v.source_no
),
-- step 3: themes that raise the risk
theme AS (
  SELECT
    application_id,
    place,
    SUM(contribution) AS net,
    {# the name of what is absent, such as no_tax_ecommerce #}
    CONCAT(
      'no'
      {% for number, source in sources %}
      , MAX(CASE WHEN source_no = {{ number }} THEN '_{{ source }}' ELSE '' END)
      {% endfor %}
    ) AS absent_theme
  FROM themed
  WHERE place <> {{ harmless }}
  GROUP BY application_id, place
  HAVING SUM(contribution) > 0 AND SUM(is_adverse) > 0
),
representative AS (
  SELECT
    application_id, place, feature_no, value,
    ROW_NUMBER() OVER (
      PARTITION BY application_id, place ORDER BY contribution DESC, feature_no) AS place_in_theme
  FROM themed
  WHERE is_adverse = 1
),
-- step 4: the margin with typical values in place of a theme's
correction AS (
  SELECT t.application_id, t.place, v.feature_no, v.value, 1 AS is_worse
  FROM theme AS t
  JOIN themed AS v ON v.application_id = t.application_id AND v.theme_no = t.place
  WHERE v.is_worse = 1
  UNION ALL
  SELECT t.application_id, t.place, v.feature_no, v.value, 0 AS is_worse
  FROM theme AS t
  JOIN themed AS v ON v.application_id = t.application_id AND v.place = t.place
  WHERE (v.is_adverse = 1 OR t.place = {{ absent }})
    AND NOT (v.is_worse = 1 AND v.theme_no = t.place)
),
theme_sign AS (
  SELECT application_id, place, MAX(is_worse) AS is_signed
  FROM correction
  GROUP BY application_id, place
),
pattern_shift AS (
  SELECT
    c.application_id,
    c.place,
    n.group_no,
    CAST(SUM(c.is_worse * (n.if_typical - CASE
      WHEN c.value IS NULL THEN n.if_missing
      WHEN c.value <= n.threshold THEN n.if_not_above
      ELSE n.if_above
    END)) AS BIGINT) AS worse_only,
    CAST(SUM(n.if_typical - CASE
      WHEN c.value IS NULL THEN n.if_missing
      WHEN c.value <= n.threshold THEN n.if_not_above
      ELSE n.if_above
    END) AS BIGINT) AS all_adverse
  FROM correction AS c
  JOIN {{ prefix }}_node AS n ON n.feature_no = c.feature_no
  GROUP BY c.application_id, c.place, n.group_no
),
-- the patterns before, with typical values where worse, and with all of them: three rows each, so
-- that one join by group and pattern is left to any planner
moved AS (
  SELECT
    s.application_id,
    s.place,
    s.group_no,
    p.pattern,
    p.pattern + s.worse_only AS worse_only,
    p.pattern + s.all_adverse AS all_adverse
  FROM pattern_shift AS s
  JOIN pattern AS p ON p.application_id = s.application_id AND p.group_no = s.group_no
),
moved_pattern AS (
  SELECT application_id, place, group_no, pattern, -1 AS in_worse, -1 AS in_all FROM moved
  UNION ALL
  SELECT application_id, place, group_no, worse_only AS pattern, 1 AS in_worse, 0 AS in_all
  FROM moved
  UNION ALL
  SELECT application_id, place, group_no, all_adverse AS pattern, 0 AS in_worse, 1 AS in_all
  FROM moved
),
margin_change AS (
  SELECT
    s.application_id,
    s.place,
    SUM(s.in_worse * m.margin) AS worse_only,
    SUM(s.in_all * m.margin) AS all_adverse
  FROM moved_pattern AS s
  JOIN {{ prefix }}_margin AS m ON m.group_no = s.group_no AND m.pattern = s.pattern
  GROUP BY s.application_id, s.place
),
verified AS (
  SELECT
    t.application_id,
    t.place,
    t.absent_theme,
    t.net,
    ROW_NUMBER() OVER (PARTITION BY t.application_id ORDER BY t.net DESC, t.place) AS turn,
    CASE
      WHEN COALESCE(CASE WHEN g.is_signed = 1 THEN c.worse_only ELSE c.all_adverse END, 0.0)
        < -{{ rounding }} THEN 1
      ELSE 0
    END AS holds,
    CASE WHEN g.is_signed = 1 AND COALESCE(c.all_adverse, 0.0) < -{{ rounding }} THEN 1 ELSE 0 END
      AS holds_later
  FROM theme AS t
  LEFT JOIN theme_sign AS g ON g.application_id = t.application_id AND g.place = t.place
  LEFT JOIN margin_change AS c ON c.application_id = t.application_id AND c.place = t.place
),
first_reason AS (
  SELECT
    application_id, place, absent_theme, net, turn, holds_later,
    MIN(CASE WHEN holds = 1 THEN turn END) OVER (PARTITION BY application_id) AS first_turn
  FROM verified
),
ordered AS (
  SELECT
    application_id, place, absent_theme,
    ROW_NUMBER() OVER (
      PARTITION BY application_id
      ORDER BY CASE WHEN turn = first_turn THEN 0 ELSE 1 END, net DESC, place) AS turn
  FROM first_reason
  WHERE turn >= first_turn OR holds_later = 1
),
-- step 5: at most one reason is about a single missing value
counted AS (
  SELECT
    o.application_id, o.place, o.absent_theme, o.turn, r.feature_no, r.value,
    SUM(CASE WHEN r.value IS NULL AND o.place <> {{ absent }} THEN 1 ELSE 0 END) OVER (
      PARTITION BY o.application_id ORDER BY o.turn ROWS UNBOUNDED PRECEDING) AS missing_values
  FROM ordered AS o
  JOIN representative AS r
    ON r.application_id = o.application_id AND r.place = o.place AND r.place_in_theme = 1
  WHERE o.turn <= {{ looked_at }}
),
reason AS (
  SELECT
    c.application_id,
    ROW_NUMBER() OVER (PARTITION BY c.application_id ORDER BY c.turn) AS place,
    CASE WHEN c.place = {{ absent }} THEN c.absent_theme ELSE f.theme END AS reason,
    CASE WHEN c.place = {{ absent }} THEN NULL ELSE f.feature END AS feature,
    CASE WHEN c.place = {{ absent }} THEN NULL WHEN c.value IS NULL THEN 1 ELSE 0 END
      AS is_missing,
    c.value
  FROM counted AS c
  JOIN {{ prefix }}_feature AS f ON f.feature_no = c.feature_no
  WHERE c.place = {{ absent }} OR c.value IS NOT NULL OR c.missing_values <= 1
  UNION ALL
  -- applicants without enough data: their sources, the least known first
  SELECT
    application_id,
    ROW_NUMBER() OVER (PARTITION BY application_id ORDER BY days, source_no) AS place,
    CONCAT(CASE WHEN days = 0 THEN 'no_' ELSE 'thin_' END, source) AS reason,
    CAST(NULL AS VARCHAR) AS feature,
    CAST(NULL AS INT) AS is_missing,
    CAST(NULL AS DOUBLE) AS value
  FROM (
    {% for source, _ in known_days %}
    {{ "UNION ALL" if not loop.first }}
    SELECT application_id, {{ loop.index0 }} AS source_no, '{{ source }}' AS source,
      days_{{ source }} AS days
    FROM applicant WHERE is_enough = 0
    {% else %}
    SELECT application_id, 0 AS source_no, '' AS source, 0 AS days FROM applicant WHERE 1 = 0
    {% endfor %}
  ) AS source_days
),
reasons AS (
  SELECT
    r.application_id
    {% for k in places %}
    , MAX(CASE WHEN r.place = {{ k }} THEN r.reason END) AS reason_{{ k }}
    , MAX(CASE WHEN r.place = {{ k }} THEN r.feature END) AS reason_{{ k }}_feature
    , MAX(CASE WHEN r.place = {{ k }} THEN r.value END) AS reason_{{ k }}_value
    , MAX(CASE WHEN r.place = {{ k }} THEN t.reason_text END) AS reason_{{ k }}_text
    , MAX(CASE WHEN r.place = {{ k }} THEN t.reason_zh END) AS reason_{{ k }}_zh
    {% endfor %}
  FROM reason AS r
  LEFT JOIN {{ prefix }}_reason_text AS t
    ON t.reason = r.reason AND t.feature = COALESCE(r.feature, '')
    AND t.is_missing = COALESCE(r.is_missing, 0)
  GROUP BY r.application_id
),
calibrated AS (
  SELECT
    a.application_id,
    a.is_enough,
    a.flags,
    CASE WHEN a.is_enough = 1 THEN COALESCE(m.margin, 0.0) + {{ intercept }} END AS margin
  FROM applicant AS a
  LEFT JOIN margin AS m ON m.application_id = a.application_id
),
scored AS (
  SELECT
    application_id,
    is_enough,
    flags,
    CASE WHEN is_enough = 1 THEN LEAST(GREATEST({{ pd }}, {{ floor }}), 1 - {{ floor }}) END AS pd
  FROM calibrated
)
SELECT
  s.application_id,
  CASE WHEN s.is_enough = 1 THEN 'scored' ELSE 'insufficient_data' END AS status,
  CASE WHEN s.is_enough = 1 THEN CAST(ROUND(LEAST(GREATEST(
    {{ offset }} + {{ factor }} * LN((1 - s.pd) / s.pd), {{ lowest }}), {{ highest }})) AS INT)
    END AS score,
  s.pd,
  CASE
    WHEN s.is_enough = 0 THEN NULL
    {% for name, below in grades[:-1] %}
    WHEN s.pd < {{ below }} THEN {{ name }}
    {% endfor %}
    ELSE {{ grades[-1][0] }}
  END AS grade,
  CASE
    WHEN s.is_enough = 0 THEN '{{ insufficient_data }}'
    WHEN s.flags <> '' THEN 'refer'
    WHEN s.pd < {{ approve_below }} THEN 'approve'
    WHEN s.pd < {{ decline_from }} THEN 'refer'
    ELSE 'decline'
  END AS decision,
  s.flags
  {% for k in places %}
  , r.reason_{{ k }}, r.reason_{{ k }}_feature, r.reason_{{ k }}_value
  , r.reason_{{ k }}_text, r.reason_{{ k }}_zh
  {% endfor %}
FROM scored AS s
LEFT JOIN reasons AS r ON r.application_id = s.application_id
